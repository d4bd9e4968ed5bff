// The controls of the stand-in cloud (tests/cloud/README.md). A real cloud has none of them.
const STARTS = "/api/v2/screenrecordings";

export class Cloud {
  #standin;

  constructor({ api }) {
    this.#standin = `${api}/standin`;
  }

  async orgs() {
    return (await this.#ask("orgs")).map((org, index) => ({ ...org, index }));
  }

  ledger() {
    return this.#ask("ledger");
  }

  /** What happens to the next start. */
  async spoilStart(fault, times = 1) {
    // On a connection that was used before, the browser itself would send the start again, and nobody would see the fault.
    if (fault.reset) await this.#ask("settings", { keepAlive: false });
    await this.#ask("faults", { method: "POST", path: STARTS, fault, times });
  }

  advance(seconds) {
    return this.#ask("clock", { advanceSeconds: seconds });
  }

  reset() {
    return this.#ask("reset", {});
  }

  async #ask(control, body) {
    const request = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${this.#standin}/${control}`, request);
    if (!response.ok) throw new Error(`the stand-in cloud answers ${response.status}`);
    const text = await response.text();
    return text && JSON.parse(text);
  }
}
