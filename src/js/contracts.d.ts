import type { RecordingContract } from "./index.js";

/**
 * Live monitoring of an agent's screen: `users/{userId}/screenmonitors/sessions` of Genesys' published API. It shows the screen to the
 * supervisor who starts it, and stores no recording. To see the screen, the supervisor's page needs Genesys' WebRTC SDK.
 *
 * - **Token.** It must be a person's, the supervisor's. Client credentials are refused.
 * - **Scopes.** `screen-monitoring`, and `user-basic-info` to tell the supervisor's sessions from those of others. With `login`, set
 *   `login.scope`.
 * - **Permissions.** Supervisor: `realtimeMonitor:screen:monitorAgent`. Agent: `realtimeMonitor:screen:participate`.
 * - **Agent.** The agent must be on queue (otherwise `CONFLICT`, 409 `agent.invalid.routing.state`).
 * - **Sessions.** A supervisor has one session for each agent: startRecording() returns the running one (`alreadyRunning`). Sessions of
 *   other supervisors are not listed. recordings() and recording(id) need `agentId`. `recordingType` has no effect.
 */
export declare const screenMonitoring: RecordingContract;
