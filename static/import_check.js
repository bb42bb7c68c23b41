// What a shop's importer would refuse of a completed request, asked for when somebody wants to know.

import { askFor } from "./service.js";
import { $, counted, local, numbers, say } from "./words.js";

const MOST_LISTED = 100; // findings; the service shows up to a thousand, and counts all of them

let checked = null; // the request that the panel is about
let asked = 0; // so that an answer that comes late is not shown in place of a newer one

export function beginImportCheck() {
  $("import-check").addEventListener("toggle", check);
  $("target").addEventListener("change", check);
}

/** Offers the check of a completed request, and makes it anew where its images have changed. */
export function offerImportCheck({ request_id, status, completed_at, options }) {
  $("import-check").hidden = status !== "Completed";
  if (checked?.request_id === request_id && checked.completed_at === completed_at) return;
  if (checked?.request_id !== request_id) {
    $("import-check").open = false;
    $("target").value = options.for ?? "";
  }
  checked = { request_id, completed_at };
  check();
}

async function check() {
  asked += 1;
  const mine = asked;
  const target = $("target").value;
  const isAsked = $("import-check").open && !$("import-check").hidden && target;
  clear(isAsked ? "One moment …" : "");
  if (!isAsked) return;
  const address = `requests/${encodeURIComponent(checked.request_id)}/import-check`;
  try {
    const found = await askFor(`${address}?${new URLSearchParams({ target })}`);
    if (mine === asked) show(found);
  } catch (trouble) {
    if (mine === asked) say("check-words", trouble.message);
  }
}

function clear(words) {
  say("check-words", words);
  $("findings").hidden = true;
  $("finding-rows").replaceChildren();
  $("advice").replaceChildren();
}

function show({ checked: images, total, findings, advice }) {
  const looked = `${counted(images, "image was", "images were")} looked at: `;
  const shown = findings.slice(0, MOST_LISTED);
  const part = shown.length < total ? ` The first ${MOST_LISTED} are shown.` : "";
  const found = total ? `${counted(total, "finding", "findings")}.${part}` : "nothing was found.";
  say("check-words", looked + found);
  $("finding-rows").replaceChildren(...shown.map(findingRow));
  $("findings").hidden = !findings.length;
  $("advice").replaceChildren(...advice.map((sentence) => {
    const item = document.createElement("li");
    item.textContent = sentence;
    return item;
  }));
}

/** A finding without a row is about the links of all images. */
function findingRow({ row, position, url, message, certainty, source }) {
  const made = document.createElement("tr");
  const [image, what, sure] = Array.from({ length: 3 }, () => made.insertCell());
  const place = row === null ? "all" : `row ${numbers.format(row)}, ${numbers.format(position)}`;
  if (row === null) image.textContent = place;
  else image.append(link(place, url));
  what.textContent = message;
  sure.append(`${certainty}: `, link(source.name, source.url));
  return made;
}

function link(words, url) {
  const made = document.createElement("a");
  Object.assign(made, { textContent: words, target: "_blank", rel: "noopener noreferrer" });
  made.href = /^https?:/.test(url) ? url : local(url); // what a file says is no script
  return made;
}
