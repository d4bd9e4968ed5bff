// What the app of every project here does: starts a recording, has another one refused, and asks for a report.

/** `connect` is the package's. `given`: the cloud's environment, an organization with its agent, and a stranger to it. */
export async function record(connect, given, options) {
  const { environment, orgId, agentId, stranger } = given;
  const getToken = async (need) => {
    const order = { method: "POST", body: JSON.stringify({ orgId: need.orgId, format: "jwt" }) };
    return (await (await fetch(`${environment.api}/standin/tokens`, order)).json()).access_token;
  };
  const named = { environments: [environment], environment: environment.name, orgId, getToken };
  try {
    const recorder = await connect({ ...named, ...options });
    const recording = await recorder.startRecording(agentId);
    const refusal = await recorder.startRecording(stranger).catch(({ code }) => code);
    const report = await recorder.diagnose(stranger);
    const failed = report.filter(({ verdict }) => verdict === "fail").map(({ check }) => check);
    return { orgId: recording.orgId, agentId: recording.agentId, refusal, failed };
  } catch ({ name, code, message, hint }) {
    return { error: { name, code, message, hint } };
  }
}

/** The test gives it in the page's URL. */
export function given() {
  return JSON.parse(new URLSearchParams(location.search).get("given"));
}

/** The test reads it in the page. */
export async function show(outcome) {
  document.getElementById("outcome").textContent = JSON.stringify(await outcome);
}
