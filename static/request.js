// Shows what GET /status answers: a request, and its images.

import { $, counted, inBytes, inPercent, local, numbers, say, sayOrHide } from "./words.js";

const STATES = { Pending: "Waiting to begin", Processing: "At work", Completed: "Completed" };

export function showRequest(request, address) {
  const { file_name, progress, status } = request;
  const answered = progress.completed + progress.failed;
  $("figures").hidden = false;
  say("job-title", file_name);
  say("about", inWords(request));
  say("state", STATES[status]);
  say("count", `${numbers.format(answered)} of ${counted(progress.total, "image", "images")}`);
  Object.assign($("part"), { max: progress.total, value: answered });
  showCounters(request);
  say("hint", hint(request));
  $("json").href = address;
  sayOrHide("webhook", webhookInWords(request.webhook));
  showCsv(request.output_csv_url);
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
  const style = { dateStyle: "medium", timeStyle: "short" };
  const when = new Date(created_at).toLocaleString("en", style);
  return [
    `Uploaded ${when}`,
    max_bytes ? `at most ${inBytes(max_bytes)} each` : `at least ${reduce_by} % smaller`,
    format !== "keep" && `as ${format.toUpperCase()}`,
    max_width && `at most ${numbers.format(max_width)} pixels wide`,
    max_height && `at most ${numbers.format(max_height)} pixels high`,
    keep_dimensions && "with all their pixels",
  ].filter(Boolean).join(" · ");
}

function showCounters({ progress, bytes_in, bytes_out, saved_percent }) {
  say("done", numbers.format(progress.completed));
  say("failed", numbers.format(progress.failed));
  $("failed-box").classList.toggle("some", progress.failed > 0);
  say("waiting", numbers.format(progress.pending));
  say("saved", inBytes(bytes_in - bytes_out));
  say("saved-of", bytes_in ? `of ${inBytes(bytes_in)}, ${saved_percent.toFixed(1)} %` : "");
}

function showCsv(url) {
  $("csv").hidden = !url;
  if (url) $("csv").href = local(url);
}

function webhookInWords(webhook) {
  if (!webhook) return "";
  const { url, status, attempts } = webhook;
  const last = attempts.at(-1);
  const words = {
    Delivered: `${url} was told.`,
    Failed: `${url} could not be told.`,
  }[status] ?? (last ? `${url} will be told again.` : `${url} will be told when all is done.`);
  return `Webhook: ${words}${last?.error ? ` The last answer: ${last.error}` : ""}`;
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

// --- showing images ------------------------------------------------------------------------------

/** Only rows that changed are made anew, so that no picture blinks and no focus is lost. */
export function showImages({ answer, body }) {
  answer.images.forEach((image, index) => {
    const made = JSON.stringify(image);
    const shown = body.rows[index];
    if (shown?.made === made) return;
    const row = imageRow(image);
    row.made = made;
    if (shown) shown.replaceWith(row);
    else body.append(row);
  });
}

function imageRow(image) {
  const row = $("image-row").content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`.${name}`);
  row.classList.add(image.status.toLowerCase());
  part("picture").append(picture(image));
  part("row").textContent = numbers.format(image.row);
  part("name").textContent = image.product_name;
  part("serial").textContent = serial(image);
  link(part("before"), image.input_url, `Before: ${image.input_url}`);
  if (image.output_url) link(part("after"), local(image.output_url), `After: ${nameOf(image)}`);
  part("size").textContent = sizesInWords(image);
  part("percent").textContent = image.ratio === null ? "" : inPercent(1 - image.ratio);
  part("status").textContent = statusInWords(image);
  part("reason").textContent = reason(image);
  return row;
}

const nameOf = ({ product_name, row }) => product_name || `row ${row}`;

/** A row without a serial number has its own number for one. */
const serial = ({ serial_number, row }) => serial_number === String(row) ? "" : serial_number;

function link(anchor, address, label) {
  anchor.href = address;
  anchor.title = label;
  anchor.setAttribute("aria-label", label);
  anchor.hidden = false;
}

function picture(image) {
  const frame = document.createElement(image.output_url ? "a" : "span");
  if (!image.output_url) {
    frame.className = "blank";
    return frame;
  }
  link(frame, local(image.output_url), `New image of ${nameOf(image)}`);
  frame.target = "_blank";
  frame.append(thumbnail(image, frame));
  return frame;
}

function thumbnail({ output_url, format }, frame) {
  const made = new Image(64, 64);
  made.loading = "lazy";
  made.decoding = "async";
  made.alt = "";
  // Browsers don't show every format, TIFF for one.
  made.addEventListener("error", () => { frame.textContent = format; });
  made.src = local(output_url);
  return made;
}

function sizesInWords({ input_bytes, output_bytes, scale, width, height }) {
  if (output_bytes === null) return "";
  const bytes = `${inBytes(input_bytes)} → ${inBytes(output_bytes)}`;
  return scale < 1 ? `${bytes}, now ${width} × ${height} pixels` : bytes;
}

function statusInWords({ status, error }) {
  if (status === "Pending" && error) return "Will be tried again";
  return { Pending: "Waiting", Processing: "At work", Completed: "Done", Failed: "Failed" }[status];
}

const MISSED = {
  would_damage: "Anything smaller would have shown damage.",
  keep_dimensions: "Anything smaller would have needed fewer pixels.",
  took_too_long: "It took too long to find a smaller one.",
  no_smaller: "No smaller file of it could be made.",
};

function reason({ status, error, target_met, missed_because }) {
  if (status === "Completed") {
    return target_met ? "" : MISSED[missed_because] ?? "Less than asked for was possible.";
  }
  return error?.message ?? "";
}
