// Shows what GET /status answers of a request: how far it is, what it saved, and its files.

import { showActions } from "./actions.js";
import { offerImportCheck } from "./import_check.js";
import { paceOf } from "./pace.js";
import { showWebhook } from "./webhook.js";
import { $, counted, inBytes, inTime, local, numbers, say } from "./words.js";

const STATES = { Pending: "Waiting to begin", Processing: "At work", Completed: "Completed" };

export function showRequest(request, address) {
  const { file_name, progress, status } = request;
  const answered = progress.completed + progress.failed;
  $("figures").hidden = false;
  say("job-title", file_name);
  say("about", inWords(request));
  say("state", STATES[status]);
  const done = `${numbers.format(answered)} of ${counted(progress.total, "image", "images")}`;
  say("count", done + paceOf(request));
  Object.assign($("part"), { max: progress.total, value: answered });
  showCounters(request);
  say("hint", hint(request));
  $("json").href = address;
  showFiles(request);
  showActions(request);
  showWebhook(request);
  say("catalogue", inCatalogue(request));
  offerImportCheck(request);
  announce(request);
}

function hint({ status, progress }) {
  if (status !== "Completed") {
    return "You can close this page: the work goes on, and its address brings you back here.";
  }
  return progress.failed ? "The CSV says in its column “Errors” why an image failed." : "";
}

function inWords({ created_at, options }) {
  const { reduce_by, format, max_width, max_height, max_bytes, keep_dimensions } = options;
  return [
    `Uploaded ${inTime(created_at)}`,
    max_bytes ? `at most ${inBytes(max_bytes)} each` : `at least ${reduce_by} % smaller`,
    format === "compatible" && "as JPEG, PNG or GIF",
    !["keep", "compatible"].includes(format) && `as ${format.toUpperCase()}`,
    max_width && `at most ${numbers.format(max_width)} pixels wide`,
    max_height && `at most ${numbers.format(max_height)} pixels high`,
    keep_dimensions && "with all their pixels",
    options.for && `for ${shopName(options.for)}`,
  ].filter(Boolean).join(" · ");
}

const shopName = (target) =>
  [...$("target").options].find(({ value }) => value === target)?.text ?? target;

/** What is wrong with the catalogue itself; report.csv says of which images. */
function inCatalogue({ faults }) {
  const { dead_links, shared_pictures, lost_pixels, missed_targets } = faults ?? {};
  const found = [
    dead_links && `${counted(dead_links, "link is", "links are")} dead`,
    shared_pictures && `${counted(shared_pictures, "image is", "images are")} the same picture as another product’s`,
    lost_pixels && `${counted(lost_pixels, "image has", "images have")} fewer pixels now`,
    missed_targets && `${counted(missed_targets, "image is", "images are")} larger than asked for`,
  ].filter(Boolean).join(" · ");
  return found && `In the catalogue: ${found}. report.csv says of which.`;
}

function showCounters({ progress, bytes_in, bytes_out, saved_percent }) {
  say("done", numbers.format(progress.completed));
  say("failed", numbers.format(progress.failed));
  $("failed-box").classList.toggle("some", progress.failed > 0);
  say("waiting", numbers.format(progress.pending));
  say("saved", inBytes(bytes_in - bytes_out));
  say("saved-of", bytes_in ? `of ${inBytes(bytes_in)}, ${saved_percent.toFixed(1)} %` : "");
}

function showFiles(request) {
  $("files").hidden = !request.output_csv_url;
  const isForShop = Boolean(request.options.for); // then it is import.csv that somebody came for
  $("csv").dataset.url = isForShop ? "import_csv_url" : "output_csv_url";
  say("csv", isForShop ? "Download for the shop" : "Download the CSV");
  for (const link of document.querySelectorAll("[data-url]")) {
    const url = request[link.dataset.url];
    if (url) link.href = local(url);
    (link.closest("li") ?? link).hidden = !url;
  }
}

/** To screen readers, at each tenth of the way: every poll would be a constant chatter. */
function announce({ file_name, status, progress }) {
  const { completed, failed, percent } = progress;
  const tenths = 10 * Math.floor(percent / 10);
  const isCompleted = status === "Completed";
  say("announcement", isCompleted
    ? `Completed: ${completed} done, ${failed} failed.`
    : `${tenths} percent of the images are done.`);
  document.title = `${isCompleted ? status : `${Math.floor(percent)} %`} · ${file_name}`;
}
