/** The organizations that have installed the app, and their agents. */
export class Customers {
  orgs = [];

  org(orgId) {
    return this.orgs.find(({ id }) => id === orgId);
  }

  /** The agent and the organization of a recording. */
  of({ agentId, orgId }) {
    const org = this.org(orgId);
    const agent = org?.agents.find(({ id }) => id === agentId) ?? { id: agentId, name: agentId };
    return { agent, org };
  }

  /** A text in which organizations and agents have their names. */
  named(words) {
    const all = this.orgs.flatMap((org) => [org, ...org.agents]);
    return all.reduce((said, { id, name }) => said.replaceAll(id, name), words);
  }
}
