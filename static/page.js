// Sends a CSV, then has its request watched. The address of the page carries the request's id
// (/#<id>), so that a reload or a shared link goes on watching.

import { begin } from "./session.js";
import { Watch } from "./watch.js";
import { $, inBytes, parsed, say, sayOrHide } from "./words.js";

const MOST_LISTED = 100; // problems of one answer

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
  const more = count >= MOST_LISTED ? " (there may be more)" : "";
  const which = count === 1 ? "this problem" : `these ${count} problems${more}`;
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

// --- the address decides -------------------------------------------------------------------------

const title = document.title;
let watch = null;

function follow() {
  watch?.stop();
  const id = location.hash.slice(1);
  $("start").hidden = Boolean(id);
  for (const part of ["job", "again"]) $(part).hidden = !id;
  for (const body of [...$("images").tBodies]) body.remove();
  $("figures").hidden = true;
  sayOrHide("trouble", "");
  say("job-title", id ? "One moment …" : "");
  say("about", "");
  document.title = title;
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
begin(follow);
