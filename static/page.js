// Sends a CSV, then watches its request. The address of the page carries the request's id
// (/#<id>), so that a reload or a shared link goes on watching. What comes from a file or from the
// service is only ever set as text.

const IDLE_SECONDS = 10; // where the service names no pause: only the webhook is under way then
const FIRST_RETRY_SECONDS = 2; // of a service that is away, and so much more each time
const SLOWEST_SECONDS = 30;
const PATIENCE_SECONDS = 30; // for one answer
const PAGES_AT_ONCE = 3; // so that a look costs the same, however many pages are shown
const ANSWERED = ["Completed", "Failed"];
const UNDER_WAY = ["Pending", "Processing"];

const $ = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");
const sizes = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

function inBytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  return `${sizes.format(count / 1000 ** power)} ${count === 1 ? "byte" : units[power]}`;
}

const inPercent = (part) => `${(100 * part).toFixed(1)} %`;
const counted = (count, one, many) => `${numbers.format(count)} ${count === 1 ? one : many}`;

/** Text that is already there stays untouched: a screen reader says what changes, and only that. */
function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** The same, in an element that is only there while it has something to say. */
function sayOrHide(id, text) {
  say(id, text);
  $(id).hidden = !text;
}

/** An address of the service as this page reaches it: behind another name or port, too. */
function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

// --- choosing a file -----------------------------------------------------------------------------

function showChosen() {
  const [file] = $("file").files;
  $("drop").classList.toggle("full", Boolean(file));
  say("chosen", file ? `${file.name} (${inBytes(file.size)})` : "or drop it here");
}

function choose() {
  $("refused").hidden = true;
  showChosen();
}

function dragOver(event) {
  event.preventDefault(); // or the browser would leave the page and show the file
  $("drop").classList.toggle("over", event.type === "dragover");
}

function drop(event) {
  dragOver(event);
  const { files } = event.dataTransfer;
  if ($("start").hidden || $("send").disabled || !files.length) return;
  if (files.length > 1) {
    refuse("One CSV at a time", "Several files were dropped. Please drop one of them.");
    return;
  }
  $("file").files = files;
  choose();
}

// --- sending it ----------------------------------------------------------------------------------

function send(event) {
  event.preventDefault();
  const most = Number($("form").dataset.maxBytes);
  const { size } = $("file").files[0];
  if (size > most) {
    refuse("The file is too large", `It has ${inBytes(size)}; ${inBytes(most)} are taken at most.`);
    return;
  }
  const sending = new XMLHttpRequest(); // fetch() doesn't tell how much of a file is sent
  sending.upload.addEventListener("progress", showSent);
  sending.addEventListener("load", () => answered(sending));
  sending.addEventListener("error", notAnswered);
  sending.open("POST", "upload");
  sending.send(new FormData($("form")));
  showSending(true);
}

function showSending(isSending) {
  $("sent-part").hidden = !isSending;
  $("sent-part").removeAttribute("value");
  $("send").disabled = isSending;
  if (isSending) $("refused").hidden = true;
  say("sent", isSending ? "Sending the file …" : "");
}

function showSent({ loaded, total }) {
  if (loaded < total) {
    $("sent-part").value = loaded / total;
    return;
  }
  $("sent-part").removeAttribute("value");
  say("sent", "Sent. The service is reading the CSV …");
}

function answered(sending) {
  showSending(false);
  const answer = parsed(sending.responseText);
  if (sending.status === 202 && answer) {
    $("form").reset();
    showChosen();
    location.hash = answer.request_id;
    return;
  }
  const detail = answer?.detail ?? `The service answered ${sending.status}. Please try again.`;
  refuse("The upload was not taken", detail, answer?.errors ?? [], answer?.field);
}

function notAnswered() {
  showSending(false);
  const words = "Either it is away, or the file was changed after it was chosen. Please try again.";
  refuse("The service gave no answer", words);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // from a proxy, perhaps
  }
}

// --- what is wrong with it -----------------------------------------------------------------------

function refuse(title, detail, faults = [], field = "") {
  say("refused-title", faults.length ? "This CSV can’t be taken as it is" : title);
  say("refused-detail", faults.length ? invitation(faults.length) : detail);
  $("fault-rows").replaceChildren(...faults.map(faultRow));
  $("faults").hidden = !faults.length;
  mark(field);
  // A browser refuses to send a file that was changed on disk, and mending it is what comes next.
  if (faults.length) $("file").value = "";
  showChosen();
  $("refused").hidden = false;
  $("refused").focus();
}

function invitation(count) {
  const which = count === 1 ? "this problem" : `these ${count} problems`;
  return `Nothing was stored. Please mend ${which}, then choose the file again.`;
}

function faultRow({ row, line, column, message }) {
  const made = document.createElement("tr");
  for (const text of [row === 0 ? "header" : row ?? "whole file", line, column, message]) {
    made.insertCell().textContent = text ?? "";
  }
  made.classList.toggle("unnumbered", !row);
  return made;
}

function mark(field) {
  for (const input of $("options").querySelectorAll("[name]")) {
    input.setAttribute("aria-invalid", input.name === field);
    if (input.name === field) $("options").open = true;
  }
}

// --- watching a request --------------------------------------------------------------------------

/** The service is away or says no; ``isFinal`` when asking again can't help. */
class Trouble extends Error {
  constructor(message, { isFinal = false, seconds = 0 } = {}) {
    super(message);
    Object.assign(this, { isFinal, seconds });
  }
}

/** One page of a request's images. Each answer has the request's counters too. */
class Page {
  constructor(address, body) {
    Object.assign(this, { address, body, etag: "", answer: null, seconds: 0 });
  }

  get isSettled() {
    return this.answer?.images.every(({ status }) => ANSWERED.includes(status)) ?? false;
  }

  async load() {
    const answer = await ask(this.address, this.etag && { "If-None-Match": this.etag });
    this.seconds = pauseOf(answer) || IDLE_SECONDS;
    if (answer.status === 304) return;
    const content = parsed(await answer.text().catch(away));
    if (!answer.ok || !content) throw refusal(answer, content);
    this.answer = content;
    this.etag = answer.headers.get("ETag") ?? "";
  }
}

async function ask(address, headers) {
  const signal = AbortSignal.timeout(1000 * PATIENCE_SECONDS);
  return fetch(address, { headers: headers || {}, cache: "no-store", signal }).catch(away);
}

function away() {
  throw new Trouble("The service does not answer. This page keeps trying; no image is lost.");
}

function refusal(answer, problem) {
  const isFinal = answer.status < 500 && ![408, 429].includes(answer.status);
  const words = problem?.detail ?? `The service answered ${answer.status}.`;
  const more = isFinal ? "" : " This page keeps trying.";
  return new Trouble(words + more, { isFinal, seconds: pauseOf(answer) });
}

/** The seconds of Retry-After; a date there, which this service never sends, counts as none. */
const pauseOf = (answer) => Number(answer.headers.get("Retry-After")) || 0;

class Watch {
  constructor(id) {
    this.address = `status/${encodeURIComponent(id)}`;
    this.counters = new Page(`${this.address}?limit=1`);
    this.pages = [];
    this.failures = 0;
    this.addPage(this.address);
  }

  addPage(address) {
    this.pages.push(new Page(address, $("images").createTBody()));
  }

  async run() {
    this.isOver = false;
    while (watch === this && !this.isOver) {
      const seconds = await this.look();
      await new Promise((wake) => {
        this.wake = wake;
        setTimeout(wake, 1000 * seconds);
      });
    }
  }

  /** Returns the seconds until the next look. */
  async look() {
    const pages = this.due();
    try {
      for (const page of pages) await this.refresh(page);
      return Math.min(...pages.map(({ seconds }) => seconds));
    } catch (trouble) {
      return this.bear(trouble);
    }
  }

  /** New pages first. A page whose images all have their answer is not loaded again. */
  due() {
    const unsettled = this.pages.filter((page) => !page.isSettled);
    unsettled.sort((one, other) => Boolean(one.answer) - Boolean(other.answer));
    return unsettled.length ? unsettled.slice(0, PAGES_AT_ONCE) : [this.counters];
  }

  async refresh(page) {
    await page.load();
    if (watch !== this) return;
    this.failures = 0;
    sayOrHide("trouble", "");
    if (page.body) showImages(page);
    showRequest(page.answer, this.address);
    this.showMore(page.answer);
    this.isOver = isOver(page.answer) && this.pages.every(({ isSettled }) => isSettled);
  }

  bear(trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    if (watch !== this) return 0;
    this.failures += 1;
    this.isOver = trouble.isFinal;
    sayOrHide("trouble", trouble.message);
    if (trouble.isFinal && !this.pages[0].answer) say("job-title", "Nothing to watch here");
    return trouble.seconds || Math.min(FIRST_RETRY_SECONDS * this.failures, SLOWEST_SECONDS);
  }

  showMore({ progress }) {
    const shown = this.pages.reduce((sum, { answer }) => sum + (answer?.images.length ?? 0), 0);
    const { answer } = this.pages.at(-1);
    $("more").hidden = shown >= progress.total || !answer?.next;
    $("shown").hidden = $("more").hidden;
    say("shown", `${numbers.format(shown)} of ${counted(progress.total, "image", "images")} shown.`);
  }

  more() {
    this.addPage(local(this.pages.at(-1).answer.next));
    $("more").hidden = true;
    if (this.isOver) this.run();
    else this.wake();
  }
}

/** A webhook may take hours after the images are done; it is watched as long as the page is open. */
function isOver({ status, webhook }) {
  return status === "Completed" && !UNDER_WAY.includes(webhook?.status);
}

// --- showing a request ---------------------------------------------------------------------------

const STATES = { Pending: "Waiting to begin", Processing: "At work", Completed: "Completed" };

function showRequest(request, address) {
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
  const { reduce_by, format, max_width, max_height } = options;
  const when = new Date(created_at).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  return [
    `Uploaded ${when}`,
    `at least ${reduce_by} % smaller`,
    format !== "keep" && `as ${format.toUpperCase()}`,
    max_width && `at most ${numbers.format(max_width)} pixels wide`,
    max_height && `at most ${numbers.format(max_height)} pixels high`,
  ].filter(Boolean).join(" · ");
}

function showCounters({ progress, bytes_in, bytes_out }) {
  say("done", numbers.format(progress.completed));
  say("failed", numbers.format(progress.failed));
  $("failed-box").classList.toggle("some", progress.failed > 0);
  say("waiting", numbers.format(progress.pending));
  say("saved", inBytes(bytes_in - bytes_out));
  say("saved-of", bytes_in ? `of ${inBytes(bytes_in)}, ${inPercent(1 - bytes_out / bytes_in)}` : "");
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
function announce({ status, progress }) {
  const tenths = 10 * Math.floor(progress.percent / 10);
  const { completed, failed } = progress;
  const text = status === "Completed"
    ? `Completed: ${completed} done, ${failed} failed.` : `${tenths} percent of the images are done.`;
  say("announcement", text);
  document.title = `${status === "Completed" ? "Completed" : `${Math.floor(progress.percent)} %`} · `
    + $("job-title").textContent;
}

// --- showing images ------------------------------------------------------------------------------

/** Only rows that changed are made anew, so that no picture blinks and no focus is lost. */
function showImages({ answer, body }) {
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

function sizesInWords({ input_bytes, output_bytes }) {
  return output_bytes === null ? "" : `${inBytes(input_bytes)} → ${inBytes(output_bytes)}`;
}

function statusInWords({ status, error }) {
  if (status === "Pending" && error) return "Will be tried again";
  return { Pending: "Waiting", Processing: "At work", Completed: "Done", Failed: "Failed" }[status];
}

function reason({ status, error, target_met }) {
  if (status === "Completed") return target_met ? "" : "Less than asked for was possible.";
  return error?.message ?? "";
}

// --- the address decides -------------------------------------------------------------------------

let watch = null;

function follow() {
  const id = location.hash.slice(1);
  $("start").hidden = Boolean(id);
  for (const part of ["job", "again"]) $(part).hidden = !id;
  for (const body of [...$("images").tBodies]) body.remove();
  $("figures").hidden = true;
  sayOrHide("trouble", "");
  say("job-title", id ? "One moment …" : "");
  say("about", "");
  watch = id ? new Watch(id) : null;
  watch?.run();
}

$("file").addEventListener("change", choose);
$("form").addEventListener("submit", send);
$("more").addEventListener("click", () => watch.more());
// A field in closed options could not show what is wrong with it.
$("options").addEventListener("invalid", () => { $("options").open = true; }, true);
for (const name of ["dragover", "dragleave"]) document.addEventListener(name, dragOver);
document.addEventListener("drop", drop);
window.addEventListener("hashchange", follow);
showChosen();
follow();
