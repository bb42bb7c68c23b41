// Shows what is wrong with an upload: in a sentence, and each problem with its place.

import { $, counted, say } from "./words.js";

const MOST_LISTED = 100; // problems of one answer

export function refuse(title, detail, faults = [], field = "") {
  show(
    faults.length ? "This table can’t be taken as it is" : title,
    faults.length ? invitation(faults.length) : detail,
    faults,
  );
  mark(field);
  $("refused").focus();
}

/** Problems that a dry run found: nothing was refused yet, and nothing takes the focus. */
export function showFound(faults) {
  if (!faults.length) {
    $("refused").hidden = true;
    return;
  }
  const isSkipped = $("form").elements.on_error.value === "skip";
  show(
    `${counted(faults.length, "problem", "problems")}${more(faults.length)}`,
    isSkipped
      ? "Rows with a problem are left out of the job, and keep their reason in the output CSV."
      : "The file would be refused. Mend it, or let the options leave rows with a problem out.",
    faults,
  );
}

function show(title, detail, faults) {
  say("refused-title", title);
  say("refused-detail", detail);
  $("fault-rows").replaceChildren(...faults.map(faultRow));
  $("faults").hidden = !faults.length;
  $("refused").hidden = false;
}

const more = (count) => count >= MOST_LISTED ? " (there may be more)" : "";

function invitation(count) {
  const which = count === 1 ? "this problem" : `these ${count} problems${more(count)}`;
  return `Nothing was stored. Please mend ${which}, then choose the file again.`;
}

function faultRow({ row, line, column, message, hint }) {
  const made = document.createElement("tr");
  for (const text of [row === 0 ? "header" : row ?? "whole file", line, column, message]) {
    made.insertCell().textContent = text ?? "";
  }
  if (hint) {
    const small = document.createElement("small");
    small.textContent = hint.replace(/(?<=^|\. )(\w+)(?:=(\S+))?/g, asOnThePage);
    made.lastElementChild.append(small);
  }
  made.classList.toggle("unnumbered", !row);
  return made;
}

/** An option as the form calls it: sentences of a hint begin with its name, maybe with a value. */
function asOnThePage(option, name, value) {
  const field = $("form").elements[name];
  if (!field) return option;
  const label = field.closest("label").firstChild.textContent.trim();
  const chosen = [...field.options ?? []].find((each) => each.value === value);
  return `The option “${label}${chosen ? `: ${chosen.text}` : ""}”`;
}

function mark(field) {
  for (const input of $("form").querySelectorAll("[name]")) {
    input.setAttribute("aria-invalid", input.name === field);
    if (input.name === field && input.closest("#options")) $("options").open = true;
  }
}
