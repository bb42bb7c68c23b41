// What the service would make of a chosen file: a dry run says what each column was taken for, and
// a choice beside it corrects that.

import { showFound } from "./refusal.js";
import { askFor } from "./service.js";
import { $, counted, say } from "./words.js";

const MAX_BYTES = 10_000_000; // more is only read when it is uploaded: it would be sent twice
const ROLES = {
  "": "not used",
  product_name: "product name",
  image_url: "image URLs",
  serial_number: "serial number",
};

const CORRECTED = ["url_column", "name_column", "serial_column", "sheet"]; // fields of the form

let asked = 0; // so that an answer that comes late is not shown in place of a newer one
let order = null; // of the columns: the used ones first, and then as they were for the same file
let isCorrected = false;
let urlColumns = null; // names that were chosen here; the form's field separates them by commas

export function beginPreview() {
  $("sheet-choice").addEventListener("change", ({ target }) => takeSheet(target.value));
  $("column-rows").addEventListener("change", correct);
  $("form").addEventListener("formdata", ({ formData }) => {
    if (!urlColumns) return;
    formData.delete("url_column"); // a name may have a comma in it
    for (const name of urlColumns) formData.append("url_column", name);
  });
  for (const field of $("form").querySelectorAll("[data-reading]")) {
    field.addEventListener("change", () => {
      if (field.name === "url_column") urlColumns = null;
      if (field.name === "source_url") previewAnew();
      else if (field.name === "sheet") takeSheet(field.value);
      else preview();
    });
  }
}

/** Another file is looked at. */
export function previewAnew() {
  forgetColumns();
  endPreview();
  preview();
}

function takeSheet(name) {
  forgetColumns();
  $("form").elements.sheet.value = name;
  isCorrected = Boolean(name);
  preview();
}

/** Of another file, or sheet, the columns are others. */
function forgetColumns() {
  if (isCorrected) {
    for (const name of CORRECTED) $("form").elements[name].value = "";
  }
  isCorrected = false;
  urlColumns = order = null;
}

async function preview() {
  const [file] = $("file").files;
  asked += 1;
  const mine = asked;
  if (!file && !($("source").value && $("source").validity.valid)) return;
  if (file?.size > Math.min(MAX_BYTES, Number($("form").dataset.maxBytes))) return;
  say("columns-found", "Looking at the columns …");
  try {
    const body = new FormData($("form"));
    const found = await askFor("upload?dry_run=1", { method: "POST", body });
    if (mine === asked) show(found);
  } catch (trouble) {
    if (mine !== asked) return;
    $("preview").hidden = true;
    if (trouble.sheets?.length) showSheets(trouble.sheets); // another one may be better
    say("columns-found", trouble.message);
  }
}

/** What is still under way is not shown any more. */
export function endPreview() {
  asked += 1;
  $("preview").hidden = $("sheets").hidden = true;
  say("columns-found", "");
}

function show({ columns, first_rows, rows, images, problems, hints, sheets }) {
  showSheets(sheets ?? []);
  const taken = `${counted(rows, "row", "rows")} with ${counted(images, "image", "images")}`;
  say("columns-found", [`${taken} found.`, ...hints, "What the columns were taken for:"].join(" "));
  const used = columns.filter(({ role }) => role === "image_url").length;
  order ??= [...columns].sort((one, other) => Boolean(other.role) - Boolean(one.role))
    .map(({ index }) => index);
  const shown = order.map((index) => columnRow(columns[index], first_rows, used));
  const hadFocus = document.activeElement?.dataset?.index;
  $("column-rows").replaceChildren(...shown);
  $("column-rows").querySelector(`[data-index="${hadFocus}"]`)?.focus();
  $("preview").hidden = false;
  showFound(problems);
}

/** Of a workbook with several sheets another one may be taken. */
function showSheets(names) {
  const { value } = $("form").elements.sheet;
  const shown = names.map((name) => new Option(name, name));
  $("sheets").hidden = names.length < 2;
  $("sheet-choice").replaceChildren(...shown);
  $("sheet-choice").value = names.find((name) => name.toLowerCase() === value.toLowerCase())
    ?? names[Number(value || 1) - 1] ?? "";
}

function columnRow({ name, index, role, because }, firstRows, used) {
  const row = $("column-row").content.firstElementChild.cloneNode(true);
  const choice = row.querySelector("select");
  row.querySelector(".column").textContent = name || "(no name)";
  row.querySelector(".because").textContent = because ? `because ${because}` : "";
  row.querySelector(".example").textContent = firstRows.map(({ cells }) => cells[index])
    .find((cell) => cell?.trim()) ?? "";
  row.classList.toggle("used", Boolean(role));
  choice.setAttribute("aria-label", `What ${name || "this column"} is`);
  for (const [value, words] of Object.entries(ROLES)) {
    if (isOffered(value, role, used)) choice.add(new Option(words, value));
  }
  choice.value = role ?? "";
  choice.disabled = !name.trim() || name.endsWith("…"); // of a long name only the begin is known
  Object.assign(choice.dataset, { index, role, column: name });
  return row;
}

/** Only what can be asked for: the service always finds some serial number, name and images. */
function isOffered(value, role, used) {
  if (value === (role ?? "")) return true;
  return value !== "" || (role === "image_url" && used > 1);
}

function correct({ target }) {
  const choices = [...$("column-rows").querySelectorAll("select")];
  const fields = $("form").elements;
  isCorrected = true;
  if (target.value === "product_name") fields.name_column.value = target.dataset.column;
  if (target.value === "serial_number") fields.serial_column.value = target.dataset.column;
  if ([target.value, target.dataset.role].includes("image_url")) {
    urlColumns = choices.filter(({ value }) => value === "image_url")
      .map(({ dataset }) => dataset.column);
    fields.url_column.value = urlColumns.join(", ");
  }
  preview();
}
