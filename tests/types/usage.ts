// Compiles if the declarations say what they promise. Nothing here ever runs.
import { screenMonitoring } from "premium-recorder/contracts";
import { httpClient } from "premium-recorder/platform-sdk";
import {
  connect,
  explain,
  isRecorderError,
  RecorderError,
  startRecording,
  version,
  type AgentOfOrg,
  type AvailableOrg,
  type ConnectOptions,
  type Diagnosis,
  type DiagnosisLine,
  type Environment,
  type EnvironmentEntry,
  type ErrorCode,
  type FetchInit,
  type IssuedToken,
  type LaunchContext,
  type LaunchParams,
  type LoginOptions,
  type OrgSummary,
  type Recorder,
  type RecorderErrorInit,
  type RecorderEvent,
  type Recording,
  type RecordingContract,
  type RecordingState,
  type RecordingsOptions,
  type SeenRecording,
  type SignInOptions,
  type StartManyOptions,
  type StartManyProgress,
  type StartOptions,
  type TokenNeed,
} from "premium-recorder";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

const entry: EnvironmentEntry = {
  name: "local",
  api: "http://127.0.0.1:1",
  login: "http://127.0.0.1:2",
  apps: "http://127.0.0.1:3",
};

export async function everything(module: WebAssembly.Module, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await connect();
  await connect({});
  const options: ConnectOptions = {
    tokens: ["abc"],
    getToken: async (need: TokenNeed): Promise<IssuedToken> => {
      need.signal.throwIfAborted();
      return need.reason === "expired" ? { accessToken: need.orgId ?? "abc", expiresIn: 3600 } : need.scopes.join();
    },
    orgId: "…",
    environment: "eu-west-1",
    launchUrl: new URL("https://vendor.example/"),
    environments: [entry],
    contract: { orgHeaders: [] },
    timeoutMs: 1000,
    onEvent: (event: RecorderEvent) => void told(event),
  };
  const contract: RecordingContract = {
    path: "/x",
    orgHeaders: ["x"],
    scope: "x",
    idempotencyHeader: "x",
    http2: true,
    checkDuplicates: true,
  };
  const recorder: Recorder = await connect({ ...options, contract, launchUrl: "https://vendor.example/" });
  await connect({ wasm: module });
  await connect({ wasm: bytes });
  await connect({ wasm: "/x.wasm" });
  await connect({ wasm: new URL("https://vendor.example/x.wasm") });
  await connect({ wasm: await fetch("/x.wasm") });
  // A source that answers at once is one as well.
  await connect({ getToken: () => "abc" });
  await connect({ getToken: ({ orgId }) => ({ accessToken: orgId ?? "abc" }) });

  // One that has none says so.
  await connect({ getToken: () => null });
  await connect({ getToken: async () => undefined });
  await connect({ getToken: async ({ orgId }) => (orgId ? { accessToken: orgId, expiresIn: null } : null) });

  // A listener may return anything, which nobody waits for.
  await connect({ onEvent: ({ type }) => console.log(type) });
  await connect({ onEvent: async (event) => void told(event) });

  const login: LoginOptions = { clientId: "…", redirectUri: "https://vendor.example/callback.html" };
  await connect({ login });
  await connect({
    login: { ...login, mode: "redirect", prompt: "login", loginHint: "a@b.example", scope: "a b", timeoutMs: 1000 },
  });
  await connect({ login: { clientIds: { "prod-euw1": "…" }, redirectUri: "…", wrongOrg: "file" }, shareTokens: false });

  await connect({ login: { ...login, on: "connect", allowedOrgIds: ["…"] } });
  const launchParams: LaunchParams = { hostOrigin: "host", targetEnv: "env", environment: "domain" };
  const optional: string | undefined = launchParams.orgId;
  await connect({ launchParams: { orgId: optional, langTag: undefined } });
  await connect({ login: { clientIds: { prod: optional, "eu-west-1": "…" }, redirectUri: "…" } });
  await connect({ launchParams: { ...launchParams, orgId: "tenant", langTag: "lang", conversationId: "call" } });

  const environment: Environment = recorder.environment;
  const origins: string[] = [environment.name, environment.api, environment.login, environment.apps];
  const launch: LaunchContext = recorder.launch;
  const said: (string | undefined)[] = [
    launch.hostOrigin,
    launch.targetEnv,
    launch.pcEnvironment,
    launch.orgId,
    launch.langTag,
    launch.conversationId,
    launch.interactionId,
    launch.interactionType,
    launch.workitemId,
    launch.usePopupAuth,
  ];
  const target: string | undefined = recorder.orgId;

  const orgs: OrgSummary[] = recorder.orgs();
  const added: OrgSummary = await recorder.addToken("abc");
  const switched: OrgSummary = await recorder.switchOrg(added.orgId);
  const signIn: SignInOptions = { orgId: added.orgId, signal: AbortSignal.timeout(1000), timeoutMs: 1000 };
  const signedIn: OrgSummary = await recorder.signIn(signIn);
  await recorder.signIn();
  const known: "claim" | "cloud" = switched.knownBy;
  const facts: (string | number | string[] | undefined)[] = [
    orgs[0]?.name,
    added.homeOrgId,
    signedIn.name,
    added.scopes,
    added.expiresAt,
  ];

  const startOptions: StartOptions = {
    orgId: added.orgId,
    signal: AbortSignal.timeout(1000),
    timeoutMs: 1000,
    recordingType: "screen",
    share: false,
  };
  const recording: Recording = await recorder.startRecording("agent", startOptions);
  const again: Recording = await startRecording("agent");
  await startRecording("agent", { orgId: again.orgId });
  const text: string = recording.id + recording.agentId + recording.state + (recording.startedAt ?? "");
  const raw: unknown = recording.raw;
  const already: boolean = recording.alreadyRunning;

  // A state that is not known is a text; those that are known are offered.
  const state: RecordingState = recording.state;
  const runs: boolean = state === "recording" || state === "whatever the cloud says";
  const stopped: Recording = await recording.stop();
  const now: Recording = await stopped.refresh({ timeoutMs: 1000, signal: AbortSignal.timeout(1000) });
  const list: Recording[] = await recorder.recordings();
  const which: RecordingsOptions = { agentId: "agent", orgId: now.orgId, timeoutMs: 1000 };
  await recorder.recordings(which);
  const found: Recording = await recorder.recording(list[0]?.id ?? "", { orgId: now.orgId });

  const agent: AgentOfOrg = { agentId: "agent", orgId: found.orgId };
  const many: StartManyOptions = {
    concurrency: 4,
    requestsPerMinute: 300,
    signal: AbortSignal.timeout(1000),
    onProgress: ({ total, settled, fulfilled, rejected }: StartManyProgress) =>
      void [total, settled, fulfilled, rejected],
  };
  for (const result of await recorder.startMany(["agent", agent] as const, many)) {
    if (result.status === "fulfilled") void result.value.stop();
    else
      void (
        isRecorderError(result.reason) && result.reason.seenRecordings?.map((seen: SeenRecording) => seen.startedAt)
      );
  }
  void [already, runs];

  const available: AvailableOrg[] = await recorder.availableOrgs();
  const listed: [string, string | undefined, boolean][] = available.map((org) => [org.orgId, org.name, org.enabled]);
  const diagnosis: Diagnosis = await recorder.diagnose();
  const line: DiagnosisLine | undefined = (await recorder.diagnose("agent")).find(({ check }) => check === "scope");
  await recorder.diagnose("agent", { orgId: added.orgId });
  await recorder.diagnose(undefined, { orgId: added.orgId });
  const verdict: "ok" | "warn" | "fail" | "skipped" | undefined = line?.verdict;
  const words: string[] = diagnosis.flatMap(({ check, found, expected, hint }) => [check, found, expected, hint]);

  const signedOut: void = await recorder.signOut();
  await recorder.signOut(added.orgId);

  recorder.close();
  recorder[Symbol.dispose]();
  using _closed: Recorder = recorder;
  void [version satisfies string, origins, said, target, known, facts, text, raw, listed, verdict, words, signedOut];
}

export function handled(error: unknown): string {
  // @ts-expect-error: nothing is known of it yet
  void error.code;
  if (error instanceof RecorderError) return error.code;
  if (!isRecorderError(error)) return "no error of ours";
  const isError: Error = error;
  const evidence: {
    code: ErrorCode;
    hint: string;
    retryable: boolean;
    status: number | undefined;
    orgIds: (string | undefined)[];
    lists: (string[] | undefined)[];
    ids: (string | undefined)[];
    wait: number | undefined;
    cause: unknown;
  } = {
    code: error.code,
    hint: error.hint,
    retryable: error.retryable,
    status: error.status,
    orgIds: [error.orgId, error.tokenOrgId, error.homeOrgId],
    lists: [error.missingScopes, error.grantedScopes, error.missingPermissions, error.orgHeaders],
    ids: [error.contextId, error.correlationId, error.nearMiss],
    wait: error.retryAfterMs,
    cause: error.cause,
  };
  const line: DiagnosisLine = explain(error);
  return `${isError.name} ${evidence.code} ${advice(error.code)} ${line.found}`;
}

/** For an app's own tests. */
export const made: RecorderError[] = [
  new RecorderError({ code: "NO_TOKEN" }),
  new RecorderError({ code: "SCOPE_MISSING", message: "…", hint: "…", status: 403, missingScopes: ["…"], cause: 7 }),
  new RecorderError({ code: "RATE_LIMITED", retryable: true, retryAfterMs: undefined }),
];

/** The optional properties of the types that do not take `undefined`. */
type Strict<T> = T extends unknown
  ? { [K in keyof T]-?: {} extends Pick<T, K> ? (undefined extends Required<T>[K] ? never : K) : never }[keyof T]
  : never;
type Options =
  | (ConnectOptions | LoginOptions | EnvironmentEntry | RecordingContract | SignInOptions | StartOptions | FetchInit)
  | (AgentOfOrg | StartManyOptions | RecordingsOptions | Exclude<IssuedToken, string> | RecorderErrorInit);
/** An app may pass what it may not have, also with exactOptionalPropertyTypes. */
export const strict: Same<Strict<Options>, never> = true;

/** What is in an event follows from its type. */
export function told(event: RecorderEvent): unknown[] {
  switch (event.type) {
    case "token-requested": {
      const source: "refresh-token" | "getToken" | "login" = event.source;
      const reason: TokenNeed["reason"] = event.reason;
      return [event.orgId satisfies string | undefined, source, reason];
    }
    case "token-filed": {
      const facts: (string | string[] | undefined)[] = [event.homeOrgId, event.scopes];
      return [event.orgId satisfies string, facts, event.knownBy satisfies OrgSummary["knownBy"]];
    }
    case "request":
      // @ts-expect-error: absent where it is being asked whose a token is
      void (event.orgId satisfies string);
      return [event.request satisfies number, event.method satisfies string, event.url satisfies string];
    case "answer":
      // @ts-expect-error: absent where no answer came
      void (event.status satisfies number);
      return [event.request satisfies number, event.durationMs satisfies number, event.correlationId];
    case "repair":
    case "retry":
      return [event.orgId satisfies string, event.code satisfies ErrorCode];
    case "start-not-streamed":
      return [event.orgId satisfies string];
    case "duplicate-recording":
      return [event.orgId satisfies string, event.agentId satisfies string, event.recordingIds satisfies string[]];
    case "org-changed":
      // @ts-expect-error: absent where there was none before
      void (event.previousOrgId satisfies string);
      return [event.orgId satisfies string];
    case "warning":
      return event.code === "SCOPE_MISSING" ? [event.missingScope satisfies string, event.nearMiss] : [event.orgId];
    default: {
      const never: never = event;
      return [never];
    }
  }
}

/** Does not compile once there is a code that it does not know, which an app may or may not want. */
export function advice(code: ErrorCode): "launch" | "token" | "login" | "refused" | "way" | "ours" {
  switch (code) {
    case "NO_LAUNCH_CONTEXT":
    case "UNKNOWN_ENVIRONMENT":
    case "INSECURE_ORIGIN":
      return "launch";
    case "NO_TOKEN":
    case "ORG_AMBIGUOUS":
    case "ORG_MISMATCH":
    case "TOKEN_MALFORMED":
    case "TOKEN_EXPIRED":
    case "TOKEN_SOURCE_FAILED":
    case "TOKEN_SOURCE_WRONG_ORG":
      return "token";
    case "LOGIN_BLOCKED":
    case "LOGIN_CANCELLED":
    case "LOGIN_DENIED":
    case "LOGIN_STATE_MISMATCH":
    case "LOGIN_WRONG_ORG":
    case "LOGIN_TIMEOUT":
      return "login";
    case "UNAUTHENTICATED":
    case "IP_NOT_ALLOWED":
    case "WRONG_ORG":
    case "SCOPE_MISSING":
    case "PERMISSION_MISSING":
    case "FORBIDDEN":
    case "USER_NEEDED":
    case "NOT_FOUND":
    case "LIMIT_REACHED":
    case "FEATURE_DISABLED":
    case "POLICY_DENIED":
    case "AGENT_NOT_FOUND":
    case "RECORDING_NOT_FOUND":
    case "CONFLICT":
    case "BAD_REQUEST":
    case "RATE_LIMITED":
    case "CLOUD_UNAVAILABLE":
    case "UNEXPECTED_ANSWER":
      return "refused";
    case "NETWORK":
    case "TIMEOUT":
    case "OUTCOME_UNKNOWN":
      return "way";
    case "BAD_ARGUMENT":
    case "WASM_BLOCKED":
    case "WASM_LOAD_FAILED":
    case "INIT_CONFLICT":
    case "PANICKED":
    case "CLOSED":
      return "ours";
    default: {
      const never: never = code;
      return never;
    }
  }
}

export async function refused(recorder: Recorder, recording: Recording, error: RecorderError): Promise<void> {
  // @ts-expect-error: an agent id is a text
  await startRecording(42);
  // @ts-expect-error: a recording stays bound to its organization
  await recording.refresh({ orgId: "…" });
  // @ts-expect-error: an agent has an id
  await recorder.startMany([{ orgId: "…" }]);
  // @ts-expect-error: an agent id is needed
  await startRecording();
  // @ts-expect-error: null is no text
  await recorder.startRecording(null);
  // @ts-expect-error: no such option
  await recorder.startRecording("agent", { organisation: "x" });
  // @ts-expect-error: a signal, not a controller
  await recorder.startRecording("agent", { signal: new AbortController() });
  // @ts-expect-error: no such option
  await connect({ token: "abc" });
  // @ts-expect-error: a list of tokens
  await connect({ tokens: "abc" });
  // @ts-expect-error: null is not absent
  await connect({ tokens: null });
  // @ts-expect-error: getToken returns a token
  await connect({ getToken: async () => 42 });
  // @ts-expect-error: OAuth's own name is not ours
  await connect({ getToken: async () => ({ access_token: "abc" }) });
  // @ts-expect-error: a sign-in comes back somewhere
  await connect({ login: { clientId: "…" } });
  // @ts-expect-error: no such mode
  await connect({ login: { clientId: "…", redirectUri: "…", mode: "iframe" } });
  // @ts-expect-error: a public client has no secret
  await connect({ login: { clientId: "…", redirectUri: "…", clientSecret: "…" } });
  // @ts-expect-error: no such prompt
  await connect({ login: { clientId: "…", redirectUri: "…", prompt: "none" } });
  // @ts-expect-error: shared or not
  await connect({ shareTokens: "no" });
  // @ts-expect-error: null names no organization
  await recorder.signOut(null);
  // @ts-expect-error: who is available is asked, not told
  await recorder.availableOrgs("…");
  // @ts-expect-error: an agent id is a text, or absent
  await recorder.diagnose(null);
  // @ts-expect-error: nothing to abort, it ends by itself
  await recorder.diagnose("agent", { signal: AbortSignal.timeout(1) });
  // @ts-expect-error: a function
  await connect({ onEvent: 7 });
  // @ts-expect-error: no such event
  await connect({ onEvent: ({ type }) => type === "token" });
  // @ts-expect-error: what is explained is named
  explain();
  // @ts-expect-error: what came up is not changed
  error.nearMiss = "x";
  // @ts-expect-error: an entry has four parts
  await connect({ environments: [{ name: "local", api: "https://a.example" }] });
  // @ts-expect-error: no such part
  await connect({ contract: { url: "/x" } });
  // @ts-expect-error: the target is changed by switchOrg()
  recorder.orgId = "x";
  // @ts-expect-error: an environment is decided once
  recorder.environment.api = "https://evil.example";
  // @ts-expect-error: what the host said stays
  recorder.launch.orgId = "x";
  // @ts-expect-error: a recording is what the cloud said
  recording.id = "x";
  // @ts-expect-error: a code is not changed
  error.code = "NO_TOKEN";
  // @ts-expect-error: no such code
  const code: ErrorCode = "WRONG_ORGANIZATION";
  // @ts-expect-error: an error has a code
  void new RecorderError({ hint: "…" });
  // @ts-expect-error: an error says no more than its fields
  void new RecorderError({ code, organisation: "…" });
  // @ts-expect-error: what a token is, nobody learns
  void recorder.orgs()[0]?.token;
}

const raw: Same<Recording["raw"], unknown> = true;
const cause: Same<RecorderError["cause"], unknown> = true;
const reason: Same<TokenNeed["reason"], "missing" | "expired" | "rejected" | "wrong-org"> = true;
const verdict: Same<DiagnosisLine["verdict"], "ok" | "warn" | "fail" | "skipped"> = true;
const diagnosis: Same<Diagnosis, DiagnosisLine[]> = true;
const available: Same<AvailableOrg, { orgId: string; name?: string; enabled: boolean }> = true;
const evidence: Same<
  Pick<RecorderError, "nearMiss" | "orgHeaders" | "retryAfterMs">,
  { readonly nearMiss?: string; readonly orgHeaders?: string[]; readonly retryAfterMs?: number }
> = true;
export const promises = [raw, cause, reason, verdict, diagnosis, available, evidence] satisfies true[];

export async function anyCall(recorder: Recorder, orgId: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  const response: Response = await recorder.fetch("/api/v2/users/me", { headers: { Accept: "*/*" }, orgId });
  await recorder.fetch(new URL(response.url), { method: "PUT", body: stream, duplex: "half", idempotent: false });
  const { name }: { name: string } = await recorder.request<{ name: string }>("/api/v2/users/me");
  const unknown: unknown = await recorder.request("/api/v2/x", { method: "POST", json: { name }, timeoutMs: 1 });
  void unknown;
  // @ts-expect-error: json is for request()
  await recorder.fetch("/api/v2/x", { method: "POST", json: {} });
  // @ts-expect-error: the library sets it
  await recorder.fetch("/api/v2/x", { credentials: "include" });
  await connect({ contract: screenMonitoring });
  // Lists that are written `as const`.
  const written = {
    tokens: ["abc"],
    environments: [entry],
    login: { clientId: "…", redirectUri: "https://vendor.example/", allowedOrgIds: ["…"] },
    contract: {
      start: { body: { agents: ["{agentId}"] } },
      states: { recording: ["on"], stopped: [] },
      alreadyRunning: ["busy"],
      orgHeaders: [],
      scopes: { start: ["a"], read: [] },
    },
  } as const;
  await connect(written);
  await connect({ contract: { ...screenMonitoring, list: null, start: { body: { agents: ["{agentId}"], n: 1 } } } });
  // @ts-expect-error: no such method of a start
  await connect({ contract: { start: { method: "GET" } } });
}

declare abstract class AbstractHttpClient {
  abstract request(options: object): Promise<object>;
}

export const client: AbstractHttpClient = httpClient({} as Recorder, AbstractHttpClient, { orgId: "" });
