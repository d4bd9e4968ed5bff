import type { RecordingContract } from "./index.js";

/**
 * Live monitoring of an agent's screen: `users/{userId}/screenmonitors/sessions` of Genesys' published API. It shows the screen to
 * the supervisor who starts it. It stores no recording, and the supervisor's page needs Genesys' WebRTC SDK to see anything.
 *
 * - The token must be a person's: the supervisor. Client credentials are refused.
 * - OAuth scopes: `screen-monitoring`, and `user-basic-info`, without which the supervisor's own sessions cannot be told from those
 *   of others: with `login`, set `login.scope`. Permission of the supervisor: `realtimeMonitor:screen:monitorAgent`; of the agent:
 *   `realtimeMonitor:screen:participate`. The agent must be on queue (`CONFLICT` otherwise, 409 `agent.invalid.routing.state`).
 * - A supervisor has one session for each agent: startRecording() returns the running one (`alreadyRunning`). Sessions of other
 *   supervisors are not listed.
 * - recordings() and recording(id) need `agentId`. `recordingType` has no effect.
 */
export declare const screenMonitoring: RecordingContract;
