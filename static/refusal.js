// Shows what is wrong with an upload: in a sentence, and each problem with its place.

import { $, say } from "./words.js";

const MOST_LISTED = 100; // problems of one answer

export function refuse(title, detail, faults = [], field = "") {
  say("refused-title", faults.length ? "This CSV can’t be taken as it is" : title);
  say("refused-detail", faults.length ? invitation(faults.length) : detail);
  $("fault-rows").replaceChildren(...faults.map(faultRow));
  $("faults").hidden = !faults.length;
  mark(field);
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
