// A Premium App as a vendor writes one, with React in StrictMode and the SDK of Genesys Cloud. `drive` is its restless user.
import { connect, isRecorderError } from "premium-recorder";
import ClientApp from "purecloud-client-app-sdk";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const { environment, orgs, contract, minutes } = await (await fetch("/settings")).json();
const clientApp = new ClientApp({ pcOrigin: environment.apps });

const WORKERS = 8;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const below = (limit) => Math.floor(Math.random() * limit);

/** What the user has seen. */
const seen = { starts: {}, stops: {}, connects: {}, mounts: 0, double: 0, twoIds: [], foreignErrors: [] };
/** The recorders of the panels that are mounted. */
const recorders = new Set();

function count(group, outcome) {
  seen[group][outcome] = (seen[group][outcome] ?? 0) + 1;
}

function note(group, error) {
  if (isRecorderError(error)) return count(group, error.code);
  count(group, "foreign");
  seen.foreignErrors.push(String(error?.stack ?? error));
}

function useRecorder() {
  const [recorder, setRecorder] = useState();
  useEffect(() => {
    let isMounted = true;
    let connected;
    const getToken = async ({ orgId, signal }) => (await fetch(`/token?org=${orgId}`, { signal })).json();
    connect({ environments: [environment], environment: environment.name, contract, getToken }).then(
      (made) => {
        count("connects", "connected");
        if (!isMounted) return made.close();
        connected = made;
        setRecorder(made);
      },
      (error) => note("connects", error),
    );
    return () => {
      isMounted = false;
      connected?.close();
    };
  }, []);
  return recorder;
}

function Panel({ name }) {
  const recorder = useRecorder();
  const [recordings, setRecordings] = useState([]);
  useEffect(() => {
    if (!recorder) return;
    seen.mounts++;
    const entry = {
      recorder,
      show: (recording) => setRecordings((shown) => [recording, ...shown].slice(0, 20)),
    };
    recorders.add(entry);
    return () => {
      recorders.delete(entry);
    };
  }, [recorder]);
  return (
    <section>
      <h2>{name}</h2>
      <ul>
        {recordings.map(({ id, state }) => (
          <li key={id}>
            {id}: {state}
          </li>
        ))}
      </ul>
    </section>
  );
}

let remount;
function App() {
  const [generations, setGenerations] = useState([0, 0]);
  remount = (at) => setGenerations((now) => now.map((generation, each) => generation + (each === at ? 1 : 0)));
  return generations.map((generation, at) => <Panel key={`${at} ${generation}`} name={`Panel ${at + 1}`} />);
}

/** The recorder of a mounted panel. */
async function anyRecorder() {
  while (recorders.size === 0) await sleep(10);
  return [...recorders][below(recorders.size)];
}

/** Starts a recording of the agent, now and then twice at once, also in both panels. Returns it if all of that went well. */
async function start(agentId, orgId) {
  const first = await anyRecorder();
  const chance = below(100);
  const second = chance < 15 ? first : chance < 30 ? await anyRecorder() : undefined;
  const calls = [first, second].filter(Boolean);
  const results = await Promise.allSettled(calls.map(({ recorder }) => recorder.startRecording(agentId, { orgId })));
  const ids = new Set();
  for (const { value, reason } of results) {
    if (value) ids.add(value.id);
    if (value) count("starts", value.alreadyRunning ? "already running" : "started");
    else note("starts", reason);
  }
  if (second) seen.double++;
  if (ids.size > 1) seen.twoIds.push(agentId);
  if (results.some(({ reason }) => reason)) return;
  const recording = results[0].value;
  first.show(recording);
  if (below(20) === 0) clientApp.alerting.showToastPopup("Recording", `${recording.id} has started.`);
  return recording;
}

/** Stops it. A recording dies with its recorder: then another panel's recorder takes it up. */
async function stop(recording) {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const { recorder } = await anyRecorder();
      const taken = attempt ? await recorder.recording(recording.id, { orgId: recording.orgId }) : recording;
      await taken.stop();
      count("stops", "stopped");
      return true;
    } catch (error) {
      note("stops", error);
    }
  }
}

async function work(agents, until) {
  while (performance.now() < until) {
    const { agentId, orgId } = agents.pop();
    // An agent is started again only if everything is known about the earlier start.
    for (let lives = 1 + below(3); lives > 0 && performance.now() < until; lives--) {
      const recording = await start(agentId, orgId);
      if (!recording) break;
      await sleep(below(1_500));
      if (!(await stop(recording))) break;
      await sleep(below(500));
    }
  }
}

async function drive() {
  const until = performance.now() + minutes * 60_000;
  const agents = orgs.flatMap(({ id: orgId, agents }) => agents.map(({ id: agentId }) => ({ agentId, orgId })));
  agents.sort(() => Math.random() - 0.5);
  const remounting = (async () => {
    while (performance.now() < until) {
      await sleep(Math.min(2_000 + below(8_000), until - performance.now()));
      remount(below(2));
    }
  })();
  await Promise.all([...Array.from({ length: WORKERS }, () => work(agents, until)), remounting]);
}

createRoot(document.querySelector("main")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
window.soak = { seen, go: () => drive().then(() => (window.soak.isOver = true)), isReady: () => recorders.size === 2 };
