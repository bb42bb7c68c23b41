// Who is at the page: signs in with a key, which the browser then keeps and no script can read.

import { $, parsed, say, sayOrHide } from "./words.js";

/** Calls ``ready`` once the service may be asked, and again whenever somebody signs in. */
export async function begin(ready) {
  $("sign-in").addEventListener("submit", (event) => signIn(event, ready));
  $("sign-out").addEventListener("click", signOut);
  const answer = await fetch("session", { cache: "no-store" }).catch(() => null);
  show(answer?.ok ? parsed(await answer.text()) : null, ready);
}

function show(who, ready) {
  $("sign-in").hidden = !who?.key_needed;
  $("who").hidden = !who?.key;
  $("to-jobs").hidden = !(who?.key || who?.local);
  const isOperator = who?.key ? who.key.scope === "admin" : who?.local;
  $("to-operator").hidden = !isOperator;
  say("key-name", who?.key?.name ?? "");
  if (who?.key_needed) $("key").focus();
  else ready();
}

async function signIn(event, ready) {
  event.preventDefault();
  const body = new FormData($("sign-in"));
  const answer = await fetch("session", { method: "POST", body }).catch(() => null);
  const content = answer && parsed(await answer.text());
  sayOrHide("not-signed-in", answer?.ok ? "" : content?.detail ?? "The service gave no answer.");
  if (!answer?.ok) return;
  $("sign-in").reset();
  show(content, ready);
}

async function signOut() {
  await fetch("session", { method: "DELETE" }).catch(() => null);
  location.reload();
}
