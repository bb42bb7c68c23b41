// What may be done to a request: its failed images again, cancel, delete, notify again.

import { askFor } from "./service.js";
import { $, counted, numbers, say } from "./words.js";

/** Shows what may be done to a request just now. */
export function showActions({ status, progress, webhook }) {
  const isCompleted = status === "Completed";
  $("retry").hidden = !progress.failed;
  say("retry", `Try ${counted(progress.failed, "failed image", "failed images")} again`);
  $("cancel").hidden = isCompleted;
  $("notify").hidden = !isCompleted || !["Delivered", "Failed"].includes(webhook?.status);
}

/** ``watch`` returns the one of the request at hand; ``deleted`` is called when it is gone. */
export function beginActions(watch, deleted) {
  const post = async (path, inWords) => {
    const its = watch();
    if (await act("POST", `${address(its)}/${path}`, inWords)) its.lookAgain();
  };
  const does = {
    retry: () => post("retry", ({ retried }) => `${images(retried)} tried again.`),
    cancel: () => post("cancel", ({ cancelled }) => `Cancelled: ${images(cancelled)} left out.`),
    notify: () => post("webhook", ({ webhook_url }) => `${webhook_url} is told again.`),
    delete: askFirst,
  };
  for (const [id, begin] of Object.entries(does)) $(id).addEventListener("click", begin);
  $("sure").addEventListener("close", async () => {
    if ($("sure").returnValue !== "delete") return;
    if (await act("DELETE", address(watch()), () => "Deleted.")) deleted();
  });
}

const address = ({ id }) => `requests/${encodeURIComponent(id)}`;
const images = (count) => `${numbers.format(count)} ${count === 1 ? "image is" : "images are"}`;

function askFirst() {
  $("sure").returnValue = ""; // or Escape would answer as the last time
  $("sure").showModal();
}

/** Whether it was done; says what came of it. */
async function act(method, path, inWords) {
  say("acted", "One moment …");
  try {
    const content = await askFor(path, { method });
    say("acted", inWords(content));
    return true;
  } catch (trouble) {
    say("acted", trouble.message);
    return false;
  }
}
