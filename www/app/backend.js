/** The vendor's own server, played by the stand-in cloud: it knows the customers, and obtains tokens of each of them. */
export class Backend {
  #standin;

  constructor(environment) {
    this.#standin = `${environment.api}/standin`;
  }

  /** The organizations that have installed the app, with their agents. */
  async orgs() {
    return answer(await fetch(`${this.#standin}/orgs`));
  }

  /** A token of this organization. Of both forms that there are: Acme's is opaque, the others' are JWTs. */
  async token({ id, name }) {
    const order = { orgId: id, format: name === "Acme" ? "opaque" : "jwt" };
    const request = { method: "POST", body: JSON.stringify(order) };
    return (await answer(await fetch(`${this.#standin}/tokens`, request))).access_token;
  }
}

function answer(response) {
  if (!response.ok) throw new Error(`the vendor's server answers ${response.status}`);
  return response.json();
}
