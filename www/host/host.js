// The shell that embeds the Premium App as Genesys Cloud does: in an iframe from the vendor's origin, with a launch URL.
import { Recordings } from "./recordings.js";

const select = document.querySelector("#organization");
const frame = document.querySelector("#app");

const json = async (address) => (await fetch(address)).json();

try {
  const { app } = await json("/config.json");
  const config = await json(new URL("/config.json", app));
  const environment = config.environments[0];
  const orgs = await json(`${environment.api}/standin/orgs`);

  select.replaceChildren(...orgs.map(({ id, name }) => new Option(name, id)));
  // A bookmark of this page may say which organization, and give the app parameters of its own.
  const ours = new URLSearchParams(location.search);
  if (orgs.some(({ id }) => id === ours.get("orgId"))) select.value = ours.get("orgId");

  const launch = () => {
    const url = new URL("/", app);
    url.search = new URLSearchParams({
      ...Object.fromEntries(ours),
      gcHostOrigin: location.origin,
      gcTargetEnv: environment.name,
      gcLangTag: navigator.language.toLowerCase(),
      orgId: select.value,
    });
    frame.src = url;
  };
  select.addEventListener("change", launch);
  launch();

  const recordings = new Recordings(environment, orgs);
  document.querySelector("#refresh").addEventListener("click", () => recordings.refresh());
  await recordings.watch();
} catch (error) {
  document.querySelector("#trouble").textContent = `The servers behind this page do not answer: ${error.message}`;
}
