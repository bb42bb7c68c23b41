// What the page shows is what its address says: /#<id> is a request, so that a reload or a shared
// link goes on watching, /#jobs the list of them, /#operator how the service is doing; without any,
// a CSV can be uploaded.

import { beginActions } from "./actions.js";
import { beginCompare } from "./compare.js";
import { beginFilters, chosenImages } from "./filters.js";
import { beginJobs, listJobs } from "./jobs.js";
import { beginImportCheck } from "./import_check.js";
import { beginOperator, showOperator } from "./operator.js";
import { begin } from "./session.js";
import { beginUploads } from "./upload.js";
import { Watch } from "./watch.js";
import { beginWebhookPanel, beginWebhookTest } from "./webhook.js";
import { $, say, sayOrHide } from "./words.js";

const AHEAD = { rootMargin: "600px" }; // more images are loaded before somebody waits for them
const [JOBS, OPERATOR] = ["jobs", "operator"];
const title = document.title;
let watch = null;

function follow() {
  watch?.stop();
  const place = location.hash.slice(1);
  const isList = place === JOBS;
  const isOperator = place === OPERATOR;
  const id = isList || isOperator ? "" : place;
  $("start").hidden = Boolean(place);
  $("again").hidden = !place;
  $("jobs").hidden = !isList;
  $("operator").hidden = !isOperator;
  $("job").hidden = !id;
  document.title = title;
  clearRequest(id);
  watch = id ? new Watch(id) : null;
  watch?.choose(chosenImages());
  if (isList) listJobs();
  showOperator(isOperator);
}

/** Nothing of the one that was looked at before stays. */
function clearRequest(id) {
  $("compare").close();
  for (const body of [...$("images").tBodies]) body.remove();
  $("figures").hidden = true;
  sayOrHide("trouble", "");
  say("job-title", id ? "One moment …" : "");
  say("about", "");
  say("acted", "");
  $("filters").reset();
}

$("more").addEventListener("click", () => watch.more());
new IntersectionObserver(([{ isIntersecting }]) => { if (isIntersecting) watch?.more(); }, AHEAD)
  .observe($("more"));
beginCompare();
beginUploads((id) => { location.hash = id; });
beginFilters((chosen) => watch?.choose(chosen));
beginActions(() => watch, () => { location.hash = $("to-jobs").hidden ? "" : JOBS; });
beginJobs();
beginImportCheck();
beginWebhookTest();
beginWebhookPanel();
beginOperator();
window.addEventListener("hashchange", follow);
begin(follow);
