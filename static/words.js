// What all parts of the page share: its elements, its words and numbers, the service's answers.
// What comes from a file or from the service is only ever set as text.

export const $ = (id) => document.getElementById(id);
export const numbers = new Intl.NumberFormat("en");
const sizes = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export function inBytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  return `${sizes.format(count / 1000 ** power)} ${count === 1 ? "byte" : units[power]}`;
}

export const inPercent = (part) => `${(100 * part).toFixed(1)} %`;
export const inTime = (moment) =>
  new Date(moment).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
/** A time that passed, as short as it can be told: 8 s, 12 min, 3 h. */
export function inSeconds(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
export const counted = (count, one, many) => `${numbers.format(count)} ${count === 1 ? one : many}`;

/** What an image is called. */
export const nameOf = ({ product_name, row }) => product_name || `row ${row}`;

/** Text that is already there stays untouched: a screen reader says what changes, and only that. */
export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** The same, in an element that is only there while it has something to say. */
export function sayOrHide(id, text) {
  say(id, text);
  $(id).hidden = !text;
}

/** An address of the service as this page reaches it: behind another name or port, too. */
export function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

/** The JSON of a text; null where it is something else, from a proxy perhaps. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
