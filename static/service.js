// Asks the service, and says in words what is wrong where it gives no good answer.

import { parsed } from "./words.js";

const PATIENCE_SECONDS = 30; // for one answer

/** The service is away or says no; ``isFinal`` when asking again can't help. */
export class Trouble extends Error {
  constructor(message, { isFinal = false, seconds = 0, sheets = [] } = {}) {
    super(message);
    Object.assign(this, { isFinal, seconds, sheets });
  }
}

/** The answer, whatever its status, with its JSON as ``content``. Throws Trouble for none. */
export async function ask(address, options = {}) {
  const signal = AbortSignal.timeout(1000 * PATIENCE_SECONDS);
  const answer = await fetch(address, { cache: "no-store", signal, ...options }).catch(away);
  answer.content = parsed(await answer.text().catch(away));
  return answer;
}

/** The JSON of a good answer. Throws Trouble for any other. */
export async function askFor(address, options) {
  const answer = await ask(address, options);
  if (!answer.ok) throw refusal(answer);
  return answer.content;
}

function away() {
  throw new Trouble("The service does not answer.");
}

export function refusal(answer) {
  const isFinal = answer.status < 500 && ![408, 429].includes(answer.status);
  const words = answer.content?.detail ?? `The service answered ${answer.status}.`;
  return new Trouble(words, { isFinal, seconds: pauseOf(answer), sheets: answer.content?.sheets });
}

/** The seconds of Retry-After; a date there, which this service never sends, counts as none. */
export const pauseOf = (answer) => Number(answer.headers.get("Retry-After")) || 0;
