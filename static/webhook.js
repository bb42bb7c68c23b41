// What became of a request's webhook: in a sentence, each attempt, and what it says.

import { askFor } from "./service.js";
import { $, inTime, numbers, say } from "./words.js";

/** Whether a receiver gets what is sent, before a job needs it. */
export function beginWebhookTest() {
  const { webhook_url: field } = $("form").elements;
  let asked = 0; // so that what is said of one URL does not stand beside another
  const tell = (mine, words) => { if (mine === asked) say("tested", words); };
  field.addEventListener("input", () => {
    asked += 1;
    say("tested", "");
  });
  $("test-webhook").addEventListener("click", async () => {
    if (!field.value || !field.reportValidity()) {
      field.focus();
      return;
    }
    asked += 1;
    const mine = asked;
    tell(mine, "One moment …");
    const body = new FormData();
    body.set("webhook_url", field.value);
    try {
      tell(mine, tested(await askFor("webhooks/test", { method: "POST", body })));
    } catch (trouble) {
      tell(mine, trouble.message);
    }
  });
}

const tested = ({ delivered, status_code, duration_ms, error }) => delivered
  ? `It took the test: ${status_code}, after ${numbers.format(duration_ms)} ms.`
  : error;

let told = ""; // the address of what the receiver is told, as of one completion

/** What the receiver is told is asked for when somebody wants to see it. */
export function beginWebhookPanel() {
  $("told").addEventListener("toggle", showTold);
}

async function showTold() {
  const mine = told;
  if (!$("told").open) return;
  say("told-body", "One moment …");
  let words;
  try {
    words = JSON.stringify(await askFor(mine.split("#", 1)[0]), null, 2);
  } catch (trouble) {
    words = trouble.message;
  }
  if (mine === told) say("told-body", words);
}

function offerTold({ request_id, status, completed_at }) {
  $("told").hidden = status !== "Completed";
  const address = `requests/${encodeURIComponent(request_id)}/webhook#${completed_at}`;
  if (address === told || $("told").hidden) return;
  told = address;
  showTold();
}

export function showWebhook({ webhook, ...request }) {
  $("webhook-panel").hidden = !webhook;
  if (!webhook) return;
  offerTold(request);
  say("webhook", inWords(webhook));
  $("attempts").hidden = !webhook.attempts.length;
  const shown = JSON.stringify(webhook.attempts);
  if ($("attempt-rows").shown === shown) return; // nothing blinks, no selection is lost
  $("attempt-rows").shown = shown;
  $("attempt-rows").replaceChildren(...webhook.attempts.map(attemptRow));
}

function inWords({ url, status, attempts, next_attempt_at }) {
  const last = attempts.at(-1);
  const again = next_attempt_at ? ` at ${inTime(next_attempt_at)}` : "";
  const words = {
    Delivered: `${url} was told.`,
    Failed: `${url} could not be told.`,
  }[status] ?? (last ? `${url} will be told again${again}.` : `${url} will be told when all is done.`);
  return `Webhook: ${words}${last?.error ? ` The last answer: ${last.error}` : ""}`;
}

function attemptRow({ at, status_code, duration_ms, error }) {
  const made = document.createElement("tr");
  const answer = error ?? `The receiver answered ${status_code}.`;
  for (const text of [inTime(at), answer, `${numbers.format(duration_ms)} ms`]) {
    made.insertCell().textContent = text;
  }
  made.lastElementChild.className = "figure";
  return made;
}
