// Shows the operator how the service is doing, and pauses a host or all work.

import { showRows } from "./rows.js";
import { askFor, Trouble } from "./service.js";
import { $, counted, inSeconds, inTime, numbers, say, sayOrHide } from "./words.js";

const LOOK_SECONDS = 5;
const ALL_WORK = "*";
const speeds = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

let isOpen = false;
let timer = 0;
let asked = 0; // so that an answer that comes late is not shown in place of a newer one
let isPaused = false;
let waitingAt = new Map(); // images, by paused host

export function beginOperator() {
  $("pause-all").addEventListener("click", () => change(ALL_WORK, !isPaused));
  $("pause-host").addEventListener("submit", pauseNamed);
  for (const id of ["pauses", "failures"]) {
    $(id).addEventListener("click", ({ target }) => {
      const { host, pauses } = target.closest("button")?.dataset ?? {};
      if (host) change(host, pauses === "true");
    });
  }
  document.addEventListener("visibilitychange", () => { if (isOpen && !document.hidden) look(); });
}

/** Begins to look every few seconds, and ends it. */
export function showOperator(isShown) {
  clearTimeout(timer);
  asked += 1;
  isOpen = isShown;
  if (isShown) look();
}

async function look() {
  if (!isOpen) return; // somebody went on before a change was answered
  clearTimeout(timer);
  asked += 1;
  const mine = asked;
  try {
    const answer = await askFor("operator");
    if (mine !== asked) return;
    sayOrHide("operator-trouble", "");
    show(answer);
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    if (mine !== asked) return;
    sayOrHide("operator-trouble", trouble.message);
    if (trouble.isFinal) return;
  }
  // Nobody looks at a tab that is hidden.
  if (!document.hidden) timer = setTimeout(look, 1000 * LOOK_SECONDS);
}

async function change(host, isToPause) {
  const path = `operator/pauses/${encodeURIComponent(host)}`;
  try {
    await askFor(path, { method: isToPause ? "PUT" : "DELETE" });
    await look();
    const what = host === ALL_WORK ? "All work" : host;
    say("operated", isToPause ? `${what} is paused. ${inWaiting(host)}` : `${what} goes on.`);
    return true;
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    say("operated", trouble.message);
    return false;
  }
}

/** What a pause leaves waiting: for a name that no job has, perhaps a misspelt one, nothing. */
function inWaiting(host) {
  const images = waitingAt.get(host.toLowerCase());
  if (images === 0) return "No image waits for it now.";
  return "What a worker has begun is finished.";
}

/** A URL is taken as well: its host is paused. */
async function pauseNamed(event) {
  event.preventDefault();
  const { host } = $("pause-host").elements;
  const named = host.value.trim().replace(/^\w+:\/\//, "").split(/[/?#]/)[0];
  if (named && await change(named, true)) $("pause-host").reset();
}

function show(answer) {
  isPaused = Boolean(answer.paused_at);
  $("operator-figures").hidden = false;
  say("work-state", isPaused ? "All work is paused" : "Work goes on");
  say("work-since", isPaused ? `since ${inTime(answer.paused_at)}; uploads are taken.` : "");
  say("pause-all", isPaused ? "Resume all work" : "Pause all work");
  $("pause-all").classList.toggle("plain", !isPaused);
  say("waiting-images", numbers.format(answer.waiting_images));
  say("oldest-due", answer.oldest_due_seconds ? inSeconds(answer.oldest_due_seconds) : "none");
  say("images-per-second", speeds.format(answer.images_per_second));
  say("open-requests", numbers.format(answer.open_requests));
  showPauses(answer.pauses);
  showFailures(answer);
  showProcesses(answer);
}

function showPauses(pauses) {
  waitingAt = new Map(pauses.map(({ host, waiting_images }) => [host, waiting_images]));
  showTable("pauses", pauses.map(({ host, paused_at, waiting_images }) => ({
    key: host,
    cells: [host, inTime(paused_at), numbers.format(waiting_images)],
    button: { host, pauses: false, words: "Resume" },
  })));
  $("no-pauses").hidden = pauses.length > 0;
}

function showFailures({ failures, failure_hours, pauses }) {
  const paused = new Set(pauses.map(({ host }) => host));
  say("kept-hours", String(failure_hours));
  showTable("failures", failures.map((failure) => ({
    key: `${failure.host} ${failure.code}`,
    cells: [
      failure.host || "other hosts",
      failure.code,
      inWords(failure.failed_last_hour, failure.retried_last_hour),
      inWords(failure.failed, failure.retried),
    ],
    button: failure.host && {
      host: failure.host,
      pauses: !paused.has(failure.host),
      words: paused.has(failure.host) ? "Resume" : "Pause",
    },
  })));
  say("no-failures", failures.length
    ? "Images that failed for good; “again” are attempts that failed and are made again."
    : `Nothing failed in the last ${failure_hours} hours.`);
}

function inWords(failed, retried) {
  const again = retried ? `${numbers.format(retried)} again` : "";
  return [failed || !retried ? numbers.format(failed) : "", again].filter(Boolean).join(", ");
}

function showProcesses({ processes, workers }) {
  showTable("processes", processes.map(({ worker, seen_at, at_work, ended }) => ({
    key: worker,
    cells: [
      worker,
      inTime(seen_at),
      counted(at_work, "image", "images"),
      numbers.format(ended),
    ],
  })));
  const idle = processes.length ? "" : "No process has ended an image in the last ten minutes.";
  say("workers-state", workers === "ok" ? idle : `Workers: ${workers}.`);
}

function showTable(id, rows) {
  $(id).hidden = !rows.length;
  showRows($(id).tBodies[0], rows);
}
