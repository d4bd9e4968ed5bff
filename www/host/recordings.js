const EVERY = 2000;

/** The table of what the cloud records. */
export class Recordings {
  #ledger;
  #orgs;
  #shown;

  constructor(environment, orgs) {
    this.#ledger = `${environment.api}/standin/ledger`;
    this.#orgs = orgs;
  }

  async refresh() {
    const { recordings } = await (await fetch(this.#ledger)).json();
    const text = JSON.stringify(recordings);
    // Left alone while nothing changes, so that a selection or a screen reader's place in it survives.
    if (text === this.#shown) return;
    this.#shown = text;
    document.querySelector("#recordings").replaceChildren(...recordings.map((recording) => this.#row(recording)));
    document.querySelector("#none").hidden = recordings.length > 0;
  }

  /** Follows the cloud, as long as somebody can see it. */
  async watch() {
    await this.refresh();
    setInterval(() => {
      // A cloud that is gone is told of by the button's next press.
      if (document.visibilityState === "visible") this.refresh().catch(() => {});
    }, EVERY);
  }

  #row({ id, orgId, agentId, state }) {
    const org = this.#orgs.find((each) => each.id === orgId);
    const agent = org?.agents.find((each) => each.id === agentId);
    const row = document.createElement("tr");
    row.append(...[org?.name ?? orgId, agent?.name ?? agentId, state, id].map(cell));
    return row;
  }
}

function cell(text) {
  const cell = document.createElement("td");
  cell.textContent = text;
  return cell;
}
