// Why something did not work, in words.
import { inEnglish } from "./wording.js";

/** An error whose message is in the language of the page. */
export class HostError extends Error {}

export function reasonOf(error) {
  return error instanceof HostError ? error.message : inEnglish(error.message);
}
