// The app's texts in English. Functions take names that are shown as they are.
export default {
  title: "Screen recording",
  loading: "Loading agents …",
  agents: "Agents",
  recordings: "Recordings",
  access: "Organizations",
  setup: "Setup",
  close: "Close",
  copied: "Copied",
  notCopied: "Not copied",

  // Where the app runs and for whom
  where: (environment) => `Region ${environment}`,
  noOrganization: "No organization yet",

  // States
  offline: "You are offline. Recordings that run go on. You can start new ones when the connection is back.",
  notStarted: "The app could not start",
  noAgents: "This organization has no agents yet.",
  noAgentsHint: "Agents appear here after an administrator adds them to the organization.",
  chooseOrganization: "Choose an organization below to see its agents.",
  noRecordings: "No recordings yet. Press Record next to an agent: the recording appears here.",

  // Agents
  available: "Available",
  loggedOut: "Offline",
  recordingNow: "Recording",
  record: "Record",
  stop: "Stop",
  starting: "Starting",
  stopping: "Stopping",
  recordAgent: (agent) => `Record ${agent}`,
  stopAgent: (agent) => `Stop recording ${agent}`,
  startingAgent: (agent) => `Starting to record ${agent} …`,
  stoppingAgent: (agent) => `Stopping the recording of ${agent} …`,
  started: (agent, org) => `Recording ${agent} in ${org}.`,
  alreadyRunning: (agent) => `${agent} was being recorded already. No second recording was started.`,
  stopped: (agent) => `The recording of ${agent} has stopped.`,

  // Recordings
  states: { recording: "Recording", stopped: "Stopped", unknown: "Unknown" },
  startedAt: (time) => `Started ${time}`,
  refresh: "Refresh",
  listed: (count) => (count === 1 ? "1 recording is listed." : `${count} recordings are listed.`),

  // Many
  everyone: "Record everyone",
  everyoneOf: (orgs) => `Records all agents of ${orgs}.`,
  cancel: "Cancel",
  progress: "Progress",
  soFar: (settled, total, failed) => `${settled} of ${total}${failed ? `, ${failed} failed` : ""}`,
  manyDone: (recorded, total) => `${recorded} of ${total} agents are being recorded.`,
  manyFailed: (count) => `No recording is confirmed for ${count === 1 ? "1 agent" : `${count} agents`}`,
  cancelled: "Canceled before it was sent",

  // Signing in
  signedIn: "Signed in",
  notSignedIn: "Not signed in",
  expires: (time) => `Signed in until ${time}`,
  signIn: (org) => `Sign in to ${org}`,
  signInTitle: (org) => `You are not signed in to ${org}`,
  signInWhy: (org) =>
    `Recording an agent of ${org} needs ${org}'s own access token. Sign in once, in a window. You can also press Record: the same window opens first.`,
  signInNoWay: (org) => `Recording an agent of ${org} needs ${org}'s own access token. This app has none.`,
  getToken: (org) => `Get a token for ${org}`,
  hasToken: (org) => `The app now has a token of ${org}.`,
  nowSignedIn: (org) => `Signed in to ${org}.`,
  nowFor: (org) => `The app now works for ${org}.`,
  switchTo: (org) => `Switch to ${org}`,
  current: "Current",
  signOut: "Sign out of all organizations",
  signedOut: "Signed out. The app holds no token.",

  // Check setup
  check: "Check setup",
  checking: "Checking …",
  setupHint: "Looks at everything that a recording depends on. Starts nothing and changes nothing.",
  setupFor: (agent, org) => `For ${agent} in ${org}`,
  setupFails: (fails, warns) =>
    `${fails === 1 ? "1 problem prevents" : `${fails} problems prevent`} recording${warns ? `, and ${warns === 1 ? "1 point needs" : `${warns} points need`} attention` : ""}.`,
  setupWarns: (warns) => `Recording should work. ${warns === 1 ? "1 point needs" : `${warns} points need`} attention.`,
  setupGood: "Everything is ready for recording.",
  setupPassed: (count) => (count === 1 ? "1 check passed" : `${count} checks passed`),
  setupSkipped: (count) => (count === 1 ? "1 check was skipped" : `${count} checks were skipped`),
  found: "Found",
  expected: "Expected",
  copyReport: "Copy report",
  verdicts: { ok: "Passed", warn: "Attention", fail: "Problem", skipped: "Skipped" },
  checks: {
    launch: "Launch URL",
    environment: "Region",
    organization: "Organization",
    webassembly: "WebAssembly",
    origin: "Page origin",
    fetch: "Network access",
    "session-storage": "Session storage",
    "web-locks": "Coordination between tabs",
    "web-crypto": "Cryptography for sign-in",
    token: "Access token",
    pick: "Token for this recording",
    grant: "Who signed in",
    scope: "Scope of the token",
    "client-scopes": "Scopes of the library's own requests",
    contract: "Recording API",
    "org-header": "Organization header",
    cors: "Cross-origin access (CORS)",
    clock: "Clock of this computer",
    agent: "Agent",
    time: "Time limit",
  },

  // Errors
  failedFor: (agent) => `${agent} is not being recorded`,
  unknownFor: (agent) => `It is not known whether ${agent} is being recorded`,
  stopFailed: (agent) => `The recording of ${agent} was not stopped`,
  stopUnknown: (agent) => `It is not known whether the recording of ${agent} has stopped`,
  signInFailed: "The sign-in did not work",
  somethingFailed: "That did not work",
  why: "Why",
  toDo: "What to do",
  details: "Details for support",
  copyDetails: "Copy for support",
  tryAgain: "Try again",
  seenNothing: "The API lists no recording of this agent.",
  seenUnlisted: "The API did not list the agent's recordings.",
  seen: (list) => `The API lists: ${list}.`,
  facts: {
    code: "Code",
    message: "Message",
    agent: "Agent",
    org: "Organization",
    tokenOrg: "Token's organization",
    status: "HTTP status",
    correlationId: "Correlation ID",
    contextId: "Context ID",
    scopes: "Missing scope",
    time: "Time",
    version: "Version",
  },

  /** By code: why, and what to do. Codes that are not listed show the library's own message and hint. */
  errors: {
    ORG_MISMATCH: ({ org, tokenOrg }) => [
      `The app holds a token of ${tokenOrg ?? "another organization"}, but none of ${org}. A token works for one organization only, so nothing was sent.`,
      `Sign in to ${org}.`,
    ],
    NO_TOKEN: ({ org }) => [`The app holds no token of ${org}. Nothing was sent.`, `Sign in to ${org}.`],
    WRONG_ORG: ({ org, tokenOrg }) => [
      `The agent does not belong to ${tokenOrg ?? org}. The API refused the request (403).`,
      "Check which organization the agent belongs to, and switch to it.",
    ],
    UNAUTHENTICATED: ({ org }) => [`The API no longer accepts the token of ${org} (401).`, `Sign in to ${org} again.`],
    TOKEN_EXPIRED: ({ org }) => [`The token of ${org} has expired.`, `Sign in to ${org} again.`],
    SCOPE_MISSING: ({ scopes, nearMiss }) => [
      `The app's OAuth client lacks the scope ${scopes}${nearMiss ? `. It has “${nearMiss}”, which is spelled differently` : ""}.`,
      "Ask your administrator to correct the scope of the OAuth client, then sign in again.",
    ],
    PERMISSION_MISSING: () => [
      "Your role lacks a permission that recording needs.",
      "Ask your administrator for a role with the permission.",
    ],
    RATE_LIMITED: () => ["Too many requests in a short time (429).", "Wait a minute, then try again."],
    OUTCOME_UNKNOWN: () => [
      "No usable answer to a start came back, and the API's list of recordings does not tell whether the recording runs.",
      "Wait a moment and look at the recordings below before you press Record again. The app looks first, too.",
    ],
    CLOUD_UNAVAILABLE: () => ["The service is not available at the moment.", "Try again in a few minutes."],
    NETWORK: () => ["The service could not be reached.", "Check your connection, then try again."],
    TIMEOUT: () => ["The service took too long.", "Try again."],
    AGENT_NOT_FOUND: ({ org }) => [
      `${org} has no such agent (404).`,
      "Reload the app to get the current list of agents.",
    ],
    NOT_FOUND: () => [
      "The API has nothing at the path of this request (404).",
      "Send the details for support to the app's vendor: the app may need another path.",
    ],
    LOGIN_BLOCKED: () => [
      "The browser blocked the sign-in window.",
      "Allow pop-ups for this page, then sign in again.",
    ],
    LOGIN_CANCELLED: () => ["The sign-in window was closed before the sign-in was complete.", "Sign in again."],
    LOGIN_DENIED: () => ["The sign-in was declined.", "Sign in again, and allow the app."],
    LOGIN_WRONG_ORG: ({ org }) => [
      `You signed in to another organization than ${org}.`,
      `Sign in as somebody who may work in ${org}.`,
    ],
    LOGIN_TIMEOUT: () => ["Nobody signed in in time.", "Sign in again."],
    TOKEN_SOURCE_FAILED: ({ org }) => [
      `The vendor's server gave no token of ${org}.`,
      `Sign in to ${org}, or try again later.`,
    ],
    UNKNOWN_ENVIRONMENT: () => [
      "The app was not opened by Genesys Cloud, so it does not know the region.",
      "Open the app inside Genesys Cloud. Administrators: the app's URL needs ?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}}.",
    ],
  },
  /** The same, for what a start or a stop tells otherwise. */
  callErrors: {
    start: {
      RATE_LIMITED: () => [
        "Too many requests in a short time (429). Nothing was started.",
        "Wait a minute, then try again.",
      ],
      NETWORK: () => [
        "The service could not be reached. Nothing was started.",
        "Check your connection, then try again.",
      ],
      TIMEOUT: () => [
        "The service took too long. Nothing was started.",
        "Try again. If this page is open in another tab, close that tab.",
      ],
      CONFLICT: ({ agent }) => [
        `${agent} is offline, or something else about the agent's state does not allow a recording.`,
        "Try again when the agent is available.",
      ],
    },
    stop: {
      NETWORK: () => [
        "The service could not be reached, or its answer was lost.",
        "Press Refresh to see whether the recording has stopped. You can also stop it again.",
      ],
      TIMEOUT: () => [
        "The service took too long.",
        "Press Refresh to see whether the recording has stopped. You can also stop it again.",
      ],
      CLOUD_UNAVAILABLE: () => [
        "The service is not available at the moment.",
        "Press Refresh in a few minutes to see whether the recording has stopped. You can also stop it again.",
      ],
      CONFLICT: () => ["The API does not allow the recording to be stopped now (409).", "Stop it again in a moment."],
    },
  },
};
