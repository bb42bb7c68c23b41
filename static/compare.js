// Before and after of an image, one over the other under a slider. The browser loads the original
// from its own address, and tells nobody who looks at it.

import { $, inBytes, inPercent, local, nameOf, say } from "./words.js";

let shown = null; // the image
let slid = 50; // where the slider was before the whole original was asked for

export function beginCompare() {
  $("images").addEventListener("click", ({ target }) => {
    const row = target.closest(".look")?.closest("tr");
    if (row) open(row.image);
  });
  for (const name of ["before", "after"]) {
    picture(name).addEventListener("load", fit);
    picture(name).addEventListener("error", ({ target }) => {
      if (target.getAttribute("src")) cannotShow(name);
    });
  }
  $("slider").addEventListener("input", slide);
  $("stage").addEventListener("pointermove", drag);
  $("actual").addEventListener("click", zoom);
  $("whole").addEventListener("click", showWhole);
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("compare").addEventListener("keydown", press);
  $("compare").addEventListener("close", close);
}

const picture = (name) => $(`compare-${name}`);
const comparable = () => [...$("images").rows].filter(({ image }) => image?.output_url);
const place = () => comparable().findIndex(({ image }) => image.output_url === shown.output_url);

function open(image) {
  show(image);
  $("compare").showModal();
  $("compare").focus(); // so that arrows turn the pages; on the slider they move it
}

function show(image) {
  shown = image;
  say("compare-title", nameOf(image));
  const { input_bytes, output_bytes, width, height } = image;
  const pixels = width ? `, ${width} × ${height} pixels` : ""; // earlier versions kept no figures
  say("compare-figures", `${inBytes(input_bytes)} → ${inBytes(output_bytes)}, `
    + `${inPercent(1 - output_bytes / input_bytes)} saved${pixels}`);
  for (const name of ["before", "after"]) {
    $(`no-${name}`).hidden = true;
    picture(name).hidden = false;
  }
  picture("before").src = image.input_url;
  picture("after").src = local(image.output_url);
  picture("before").alt = `Before: ${nameOf(image)}`;
  picture("after").alt = `After: ${nameOf(image)}`;
  const all = comparable();
  $("previous").disabled = place() <= 0;
  $("next").disabled = place() >= all.length - 1;
}

function step(by) {
  const row = comparable()[place() + by];
  if (row) show(row.image);
}

function cannotShow(name) {
  picture(name).hidden = true;
  $(`no-${name}`).hidden = false;
}

// --- the slider ----------------------------------------------------------------------------------

function slide() {
  const percent = Number($("slider").value);
  $("frame").style.setProperty("--at", `${percent}%`);
  $("slider").setAttribute("aria-valuetext", `${percent} % before, ${100 - percent} % after`);
  $("whole").setAttribute("aria-pressed", percent === 100);
}

function slideTo(percent) {
  $("slider").value = percent;
  slide();
}

function drag({ buttons, clientX, pointerType }) {
  if (!buttons || pointerType === "touch") return; // a finger scrolls
  const { left, width } = $("frame").getBoundingClientRect();
  slideTo(100 * (clientX - left) / width);
}

function showWhole() {
  const percent = Number($("slider").value);
  if (percent < 100) slid = percent;
  slideTo(percent < 100 ? 100 : slid);
}

// --- one pixel of the image for one of the screen ------------------------------------------------

function zoom() {
  const isActual = $("actual").getAttribute("aria-pressed") !== "true";
  $("actual").setAttribute("aria-pressed", isActual);
  $("stage").classList.toggle("actual", isActual);
  fit();
  const { scrollWidth, clientWidth, scrollHeight, clientHeight } = $("stage");
  $("stage").scrollTo((scrollWidth - clientWidth) / 2, (scrollHeight - clientHeight) / 2);
}

/** Both have the size of the larger one, so that the same place is at the same place. */
function fit() {
  const sizes = ["before", "after"].map(picture).filter(({ hidden }) => !hidden);
  for (const [side, natural] of [["width", "naturalWidth"], ["height", "naturalHeight"]]) {
    const pixels = Math.max(...sizes.map((image) => image[natural]));
    $("frame").style.setProperty(`--${side}`, `${pixels / devicePixelRatio}px`);
  }
}

// --- keys ----------------------------------------------------------------------------------------

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isMoving = event.target === $("slider")
    || (event.target === $("stage") && $("stage").classList.contains("actual"));
  const does = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1),
    ArrowUp: () => step(-1), ArrowDown: () => step(1),
    o: showWhole, 1: zoom,
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!does || (isMoving && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  does();
}

function close() {
  comparable()[place()]?.querySelector(".look").focus();
  for (const name of ["before", "after"]) picture(name).removeAttribute("src");
}
