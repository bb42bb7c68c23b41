// What the page shows is what its address says: /#<id> is a request, so that a reload or a shared
// link goes on watching; without one, a CSV can be uploaded.

import { beginActions } from "./actions.js";
import { beginCompare } from "./compare.js";
import { beginFilters, chosenImages } from "./filters.js";
import { begin } from "./session.js";
import { beginUploads } from "./upload.js";
import { Watch } from "./watch.js";
import { $, say, sayOrHide } from "./words.js";

const AHEAD = { rootMargin: "600px" }; // more images are loaded before somebody waits for them
const title = document.title;
let watch = null;

function follow() {
  watch?.stop();
  const id = location.hash.slice(1);
  $("start").hidden = Boolean(id);
  $("again").hidden = !id;
  $("job").hidden = !id;
  document.title = title;
  clearRequest(id);
  watch = id ? new Watch(id, chosenImages()) : null;
  watch?.run();
}

/** Nothing of the one that was looked at before stays. */
function clearRequest(id) {
  $("compare").close();
  for (const body of [...$("images").tBodies]) body.remove();
  $("figures").hidden = true;
  sayOrHide("trouble", "");
  say("job-title", id ? "One moment …" : "");
  say("about", "");
  say("acted", "");
  $("filters").reset();
}

$("more").addEventListener("click", () => watch.more());
new IntersectionObserver(([{ isIntersecting }]) => { if (isIntersecting) watch?.more(); }, AHEAD)
  .observe($("more"));
beginCompare();
beginUploads((id) => { location.hash = id; });
beginFilters((chosen) => watch?.choose(chosen));
beginActions(() => watch, () => { location.hash = ""; });
window.addEventListener("hashchange", follow);
begin(follow);
