// Recording APIs that Genesys publishes, as data for connect()'s option `contract`. Documented in contracts.d.ts.

const SESSIONS = "/api/v2/users/{agentId}/screenmonitors/sessions";

export const screenMonitoring = freeze({
  start: { method: "POST", path: SESSIONS, body: null },
  // A session that has ended is not found any more.
  read: { path: `${SESSIONS}/{id}`, missingMeansStopped: true },
  list: { path: "/api/v2/screenmonitors/users/{agentId}/sessions", items: "entities" },
  stop: { method: "DELETE", path: `${SESSIONS}/{id}`, missingMeansStopped: true },
  fields: {
    id: "screenMonitoringId",
    agentId: "targetUser.id",
    orgId: null,
    recordingType: null,
    state: null,
    startedAt: "dateCreated",
    // The list has the sessions of other supervisors, too.
    startedBy: "sourceUser.id",
  },
  alreadyRunning: ["duplicate.session.exists"],
  orgHeaders: [],
  scopes: { start: ["screen-monitoring"], read: ["screen-monitoring:readonly", "screen-monitoring"] },
});

function freeze(data) {
  if (typeof data === "object" && data) Object.values(Object.freeze(data)).forEach(freeze);
  return data;
}
