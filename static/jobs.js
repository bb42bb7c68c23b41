// Lists the uploads of whoever looks: those of a key, or all where only this machine can call.

import { askFor } from "./service.js";
import { $, counted, inTime, local, numbers, say, sayOrHide } from "./words.js";

const PAGE = 50;
const TYPING_MILLISECONDS = 300; // between two letters
const STATES = { Pending: "Waiting to begin", Processing: "At work", Completed: "Completed" };

let next = null; // the address of the page behind
let asked = 0; // so that an answer that comes late is not shown in place of a newer one

export function beginJobs() {
  let pause = 0;
  $("job-filters").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(listJobs, TYPING_MILLISECONDS);
  });
  $("job-filters").addEventListener("submit", (event) => event.preventDefault());
  $("more-jobs").addEventListener("click", () => add(next));
}

export function listJobs() {
  const filled = [...new FormData($("job-filters"))].filter(([, value]) => value.trim());
  $("job-rows").replaceChildren();
  add(`requests?${new URLSearchParams([...filled, ["limit", PAGE]])}`);
}

async function add(address) {
  asked += 1;
  const mine = asked;
  $("more-jobs").hidden = true;
  try {
    const content = await askFor(address);
    if (mine === asked) show(content);
  } catch (trouble) {
    if (mine === asked) sayOrHide("no-jobs", trouble.message);
  }
}

function show(content) {
  $("job-rows").append(...content.requests.map(jobRow));
  next = content.next && local(content.next);
  $("more-jobs").hidden = !next;
  const isEmpty = !$("job-rows").rows.length;
  $("job-list").hidden = isEmpty;
  sayOrHide("no-jobs", isEmpty ? "There is no such upload." : "");
  say("jobs-shown", isEmpty ? "" : `${counted($("job-rows").rows.length, "upload", "uploads")} shown.`);
}

function jobRow({ request_id, file_name, status, progress, saved_percent, created_at }) {
  const row = $("job-row").content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`.${name}`);
  part("file").textContent = file_name;
  part("file").href = `#${request_id}`;
  part("when").textContent = inTime(created_at);
  part("state").textContent = STATES[status];
  part("images-of").textContent = imagesInWords(progress);
  part("percent").textContent = saved_percent === null ? "" : `${saved_percent.toFixed(1)} %`;
  row.classList.toggle("some", progress.failed > 0);
  return row;
}

function imagesInWords({ total, completed, failed }) {
  const answered = completed + failed;
  const all = counted(total, "image", "images");
  const done = answered < total ? `${numbers.format(answered)} of ${all}` : all;
  return failed ? `${done}, ${numbers.format(failed)} failed` : done;
}
