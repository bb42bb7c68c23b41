// How fast a request goes, and when it will be done, by what its counters said a while ago.

import { numbers } from "./words.js";

const WINDOW_SECONDS = 60; // that the pace is of; less at the beginning
const LEAST_SECONDS = 3;

let watched = null; // the id of the request
let seen = []; // its counters, the oldest first: moments and images that ended

/** Counts a look at a request; returns its pace in words, empty where there is none to tell. */
export function paceOf({ request_id, status, progress }) {
  const ended = progress.completed + progress.failed;
  const now = performance.now() / 1000;
  // After a retry, or where somebody looks at another one, what was seen before is of no use.
  if (request_id !== watched || ended < seen.at(-1)?.ended) seen = [];
  watched = request_id;
  if (status === "Completed") return "";
  seen.push({ now, ended });
  while (seen[1] && now - seen[1].now > WINDOW_SECONDS) seen.shift();
  const seconds = now - seen[0].now;
  const images = ended - seen[0].ended;
  if (seconds < LEAST_SECONDS || !images) return "";
  const pace = images / seconds;
  return ` · ${inWords(pace)} · about ${inTime(progress.pending / pace)} left`;
}

const inWords = (pace) => pace >= 1
  ? `${numbers.format(Math.round(pace))} ${Math.round(pace) === 1 ? "image" : "images"} a second`
  : `${numbers.format(Math.max(1, Math.round(60 * pace)))} a minute`;

function inTime(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${numbers.format(Math.round(seconds / 360) / 10)} h`;
}
