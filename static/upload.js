// Sends a table that somebody chose or dropped, or the address of one.

import { beginPreview, endPreview, previewAnew } from "./preview.js";
import { refuse } from "./refusal.js";
import { $, inBytes, parsed, say } from "./words.js";

/** Calls ``taken`` with the id of the request that an upload became. */
export function beginUploads(taken) {
  $("file").addEventListener("change", choose);
  $("source").addEventListener("input", name);
  $("sample").addEventListener("click", takeSample);
  $("form").addEventListener("submit", (event) => send(event, taken));
  // A field in closed options could not show what is wrong with it.
  $("options").addEventListener("invalid", () => { $("options").open = true; }, true);
  for (const name of ["dragover", "dragleave"]) document.addEventListener(name, dragOver);
  document.addEventListener("drop", drop);
  beginPreview();
  name();
  showChosen(); // a reload may keep it
}

function showChosen() {
  const [file] = $("file").files;
  $("drop").classList.toggle("full", Boolean(file));
  say("chosen", file ? `${file.name} (${inBytes(file.size)})` : "or drop it here");
}

/** An address stands in place of a file. */
function name() {
  $("file").required = !$("source").value;
  if ($("source").value && $("file").value) {
    $("file").value = "";
    showChosen();
    endPreview();
  }
}

function choose() {
  if ($("file").files.length) $("source").value = "";
  $("file").required = !$("source").value;
  $("refused").hidden = true;
  showChosen();
  previewAnew();
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
    refuse("One file at a time", "Several files were dropped. Please drop one of them.");
    return;
  }
  $("file").files = files;
  choose();
}

/** A small table with pictures that are on the web. */
async function takeSample() {
  const [before] = $("file").files;
  const answer = await fetch("static/sample.csv").catch(() => null);
  if (!answer?.ok) {
    refuse("There is no sample now", "The service gave no answer. Please try again.");
    return;
  }
  if ($("file").files[0] !== before || $("source").value) return; // somebody was quicker
  const taken = new DataTransfer();
  taken.items.add(new File([await answer.blob()], "sample.csv", { type: "text/csv" }));
  $("file").files = taken.files;
  choose();
}

function send(event, taken) {
  event.preventDefault();
  const most = Number($("form").dataset.maxBytes);
  const size = $("file").files[0]?.size ?? 0;
  if (size > most) {
    refuse("The file is too large", `It has ${inBytes(size)}; ${inBytes(most)} are taken at most.`);
    return;
  }
  const sending = new XMLHttpRequest(); // fetch() doesn't tell how much of a file is sent
  sending.upload.addEventListener("progress", showSent);
  sending.addEventListener("load", () => answered(sending, taken));
  sending.addEventListener("error", notAnswered);
  sending.open("POST", "upload");
  sending.send(new FormData($("form")));
  showSending(true);
}

function showSending(isSending) {
  $("sent-part").hidden = !isSending;
  $("sent-part").removeAttribute("value");
  $("send").disabled = isSending;
  if (isSending) {
    $("refused").hidden = true;
    endPreview();
  }
  say("sent", isSending ? "Sending …" : "");
}

function showSent({ loaded, total }) {
  if (loaded < total) {
    $("sent-part").value = loaded / total;
    return;
  }
  $("sent-part").removeAttribute("value");
  say("sent", "Sent. The service is reading the table …");
}

function answered(sending, taken) {
  showSending(false);
  const answer = parsed(sending.responseText);
  if (sending.status === 202 && answer) {
    $("form").reset();
    name();
    showChosen();
    previewAnew();
    taken(answer.request_id);
    return;
  }
  const detail = answer?.detail ?? `The service answered ${sending.status}. Please try again.`;
  refuse("The upload was not taken", detail, answer?.errors ?? [], answer?.field);
  // A browser refuses to send a file that was changed on disk, and mending it is what comes next.
  if (answer?.errors?.length) $("file").value = "";
  showChosen();
}

function notAnswered() {
  showSending(false);
  const words = "Either it is away, or the file was changed after it was chosen. Please try again.";
  refuse("The service gave no answer", words);
}
