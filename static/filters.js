// Which images of a request are shown, and in which order: chips, a search and a choice.

import { $ } from "./words.js";

const TYPING_MILLISECONDS = 300; // between two letters

/** Calls ``changed`` with the parameters of GET /status whenever somebody chooses others. */
export function beginFilters(changed) {
  let pause = 0;
  const tell = () => {
    clearTimeout(pause);
    changed(chosenImages());
  };
  $("filters").addEventListener("change", tell);
  $("filters").addEventListener("input", ({ target }) => {
    if (target.name !== "q") return;
    clearTimeout(pause);
    pause = setTimeout(tell, TYPING_MILLISECONDS);
  });
  $("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    tell();
  });
}

export function chosenImages() {
  const filled = [...new FormData($("filters"))]
    .filter(([name, value]) => name !== "chip" && value.trim());
  const { chip } = $("filters").elements; // each has a parameter with its value
  return new URLSearchParams([...new URLSearchParams(chip.value), ...filled]);
}
