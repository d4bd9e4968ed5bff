// Compiles if an app can use every entry of the package. Nothing here ever runs.
import {
  connect,
  isRecorderError,
  RecorderError,
  version,
  type ConnectOptions,
  type LoginOptions,
  type Recorder,
} from "premium-recorder";
import { screenMonitoring } from "premium-recorder/contracts";
import { httpClient } from "premium-recorder/platform-sdk";
import wasm from "premium-recorder/premium_recorder_bg.wasm";

declare abstract class AbstractHttpClient {
  abstract request(options: object): Promise<object>;
}

export async function start(agentId: string, orgId: string | undefined, options?: ConnectOptions): Promise<string> {
  const recorder: Recorder = await connect({ ...options, orgId, wasm, contract: screenMonitoring });
  try {
    const recording = await recorder.startRecording(agentId, { orgId });
    return recording.id;
  } catch (error) {
    return isRecorderError(error) ? `${error.code}: ${error.hint} (${version})` : String(error);
  } finally {
    recorder.close();
  }
}

export const client: AbstractHttpClient = httpClient({} as Recorder, AbstractHttpClient, { orgId: undefined });
export const made: RecorderError = new RecorderError({ code: "NO_TOKEN", hint: "…" });

const redirectUri = "https://vendor.example/callback.html";
const one: LoginOptions = { clientId: "…", redirectUri };
const many: LoginOptions = { clientIds: { "mypurecloud.ie": "…" }, redirectUri, mode: "redirect" };

/** A sign-in names its OAuth client by `clientId` or by `clientIds`. */
export async function signIn(options: LoginOptions, configured: string | undefined, isSilent: boolean): Promise<void> {
  for (const login of [one, many, options]) await connect({ login });
  await connect({ login: { ...options, prompt: "login", ...(isSilent && { on: "connect" as const }) } });
  await connect({ login: { ...one, clientId: configured, clientIds: undefined } });
  await connect({ login: isSilent ? one : undefined });
  // A configuration whose type forgets what the literals were.
  const settings = { clientId: "…", redirectUri, timeoutMs: 1000 };
  await connect({ login: settings });

  // @ts-expect-error: no OAuth client
  await connect({ login: { redirectUri } });
  // @ts-expect-error: both
  await connect({ login: { clientId: "…", clientIds: { "mypurecloud.ie": "…" }, redirectUri } });
  // @ts-expect-error: both
  await connect({ login: { ...one, clientIds: { "mypurecloud.ie": "…" } } });
  // @ts-expect-error: no redirect URI
  await connect({ login: { clientId: "…" } });
}
