// Shows the images of a request, a row each.

import { $, inBytes, inPercent, local, nameOf, numbers } from "./words.js";

/** Only rows that changed are made anew, so that no picture blinks and no focus is lost. */
export function showImages({ answer, body }) {
  answer.images.forEach((image, index) => {
    const made = JSON.stringify(image);
    const shown = body.rows[index];
    if (shown?.made === made) return;
    const row = imageRow(image);
    Object.assign(row, { image, made });
    if (shown) shown.replaceWith(row);
    else body.append(row);
  });
  while (body.rows.length > answer.images.length) body.rows[answer.images.length].remove();
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

/** A row without a serial number has its own number for one. */
const serial = ({ serial_number, row }) => serial_number === String(row) ? "" : serial_number;

function link(anchor, address, label) {
  anchor.href = address;
  anchor.title = label;
  anchor.setAttribute("aria-label", label);
  anchor.hidden = false;
}

function picture(image) {
  const frame = document.createElement(image.output_url ? "button" : "span");
  frame.className = image.output_url ? "look" : "blank";
  if (!image.output_url) return frame;
  frame.type = "button";
  frame.title = "Compare with the original";
  frame.setAttribute("aria-label", `Compare the new image of ${nameOf(image)} with the original`);
  frame.setAttribute("aria-haspopup", "dialog");
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
  return scale !== null && scale < 1 ? `${bytes}, now ${width} × ${height} pixels` : bytes;
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
