// A Premium App that records agents' screens: what a user of the package writes.
//
// Its launch URL may carry, beside what the host says, `hold=<orgId>,<orgId>`: the organizations that it holds tokens of
// at the start, `hold=` for none. Without it, those of Acme and Globex.
import { connect, isRecorderError } from "premium-recorder";
import { Backend } from "./backend.js";
import * as page from "./page.js";

const HELD = ["Acme", "Globex"];

async function run() {
  const { environments } = await (await fetch("/config.json")).json();
  const backend = new Backend(environments[0]);
  const orgs = await backend.orgs();
  const held = orgs.filter(isHeld);

  const recorder = await connect({
    environments,
    tokens: await Promise.all(held.map((org) => backend.token(org))),
  });

  const show = () => {
    page.showOrganization(orgs.find(({ id }) => id === recorder.orgId));
    page.showTokens(recorder.orgs());
  };
  page.showEnvironment(recorder.environment);
  page.offerOrganizations(orgs);
  show();

  page.onStart((agentId) => attempt(async () => page.sayStarted(await recorder.startRecording(agentId))));
  page.onSwitch((org) =>
    attempt(async () => {
      await recorder.switchOrg(org.id);
      show();
      page.say(`Now for ${org.name}.`);
    }),
  );
  page.onToken((org) =>
    attempt(async () => {
      await recorder.addToken(await backend.token(org));
      show();
      page.say(`A token of ${org.name} is held now.`);
    }),
  );
}

function isHeld({ id, name }) {
  const hold = new URLSearchParams(location.search).get("hold");
  return hold === null ? HELD.includes(name) : hold.split(",").includes(id);
}

async function attempt(action) {
  page.wait();
  try {
    await action();
  } catch (error) {
    if (isRecorderError(error)) page.sayRefused(error);
    else page.say(`The app failed: ${error}`);
  } finally {
    page.ready();
  }
}

await attempt(run);
