// The floor: bare fetch and a Map of tokens.
import { postWith } from "./with-token.js";

export function open(config) {
  const tokens = new Map(config.tokens);
  return postWith((orgId) => tokens.get(orgId), config);
}
