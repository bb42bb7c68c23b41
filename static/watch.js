// Watches a request: asks for its status at the pace that the service names, bears with a service
// that is away, rests while nobody looks, and loads further pages of images when asked to.

import { ImagePage } from "./image_page.js";
import { showImages } from "./images.js";
import { showRequest } from "./request.js";
import { Trouble } from "./service.js";
import { $, counted, local, numbers, say, sayOrHide } from "./words.js";

const FIRST_RETRY_SECONDS = 2; // of a service that is away, and so much more each time
const SLOWEST_SECONDS = 30;
const PAGES_AT_ONCE = 3; // so that a look costs the same, however many pages are shown
const UNDER_WAY = ["Pending", "Processing"];

export class Watch {
  constructor(id) {
    this.id = id;
    this.address = `status/${encodeURIComponent(id)}`;
    this.counters = new ImagePage(`${this.address}?limit=1`);
    this.failures = 0;
    this.isStopped = false;
    this.pages = [];
  }

  /**
   * Begins to watch, or goes on with other images or another order: ``chosen`` are parameters of
   * GET /status.
   */
  choose(chosen) {
    const query = String(chosen);
    for (const { body } of this.pages) body.remove();
    $("more").hidden = true;
    this.isChosen = Boolean(query);
    this.pages = [];
    this.addPage(query ? `${this.address}?${query}` : this.address);
    this.lookNow();
  }

  addPage(address) {
    const body = $("images").createTBody();
    this.pages.push(new ImagePage(address, { body, isChosen: this.isChosen }));
  }

  stop() {
    this.isStopped = true;
  }

  async run() {
    this.isRunning = true;
    do {
      await seen();
      this.isDue = this.isOver = false;
      const seconds = await this.look();
      if (!this.isDue && !this.isOver) await this.pause(seconds);
    } while (!this.isStopped && (this.isDue || !this.isOver));
    this.isRunning = false;
  }

  pause(seconds) {
    return new Promise((wake) => {
      this.wake = wake;
      setTimeout(wake, 1000 * seconds);
    });
  }

  lookNow() {
    this.isDue = true;
    if (this.isRunning) this.wake?.();
    else this.run();
  }

  /** After something was done to the request: every image may be another one. */
  lookAgain() {
    for (const page of this.pages) page.isStale = true;
    this.lookNow();
  }

  /** Loads what is due; returns the seconds until the next look. */
  async look() {
    const pages = this.due();
    try {
      for (const page of pages) await this.refresh(page);
      if (this.pages.some(({ isStale }) => isStale)) return 0;
      return Math.min(...pages.map(({ seconds }) => seconds));
    } catch (trouble) {
      return this.bear(trouble);
    }
  }

  /** The longest ago first, and so new ones before all. */
  due() {
    const unsettled = this.pages.filter((page) => !page.isSettled);
    unsettled.sort((one, other) => one.loadedAt - other.loadedAt);
    return unsettled.length ? unsettled.slice(0, PAGES_AT_ONCE) : [this.counters];
  }

  async refresh(page) {
    await page.load();
    const isShown = this.pages.includes(page);
    if (this.isStopped || !(isShown || page === this.counters)) return;
    this.failures = 0;
    sayOrHide("trouble", "");
    if (isShown) {
      showImages(page);
      this.keepInStep(page);
    }
    showRequest(page.answer, this.address);
    this.showMore(page.answer);
    this.isOver = isOver(page.answer) && this.pages.every(({ isSettled }) => isSettled);
  }

  /** Where a page ends at another image than before, the next one begins there. */
  keepInStep(page) {
    const next = this.pages.indexOf(page) + 1;
    if (page.answer.next) this.pages[next]?.moveTo(local(page.answer.next));
    else for (const { body } of this.pages.splice(next)) body.remove();
  }

  bear(trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    if (this.isStopped) return 0;
    this.failures += 1;
    this.isOver = trouble.isFinal;
    const more = trouble.isFinal ? "" : " This page keeps trying; no image is lost.";
    sayOrHide("trouble", trouble.message + more);
    if (trouble.isFinal && !this.pages[0].answer) say("job-title", "Nothing to watch here");
    return trouble.seconds || Math.min(FIRST_RETRY_SECONDS * this.failures, SLOWEST_SECONDS);
  }

  showMore({ progress }) {
    const shown = this.pages.reduce((sum, { answer }) => sum + (answer?.images.length ?? 0), 0);
    const hasMore = Boolean(this.pages.at(-1).answer?.next);
    $("more").hidden = !hasMore || shown >= progress.total;
    sayOrHide("shown", this.shownInWords(shown, progress.total));
  }

  shownInWords(shown, total) {
    if (this.isChosen && !shown) return "No image is like that.";
    const isPart = !$("more").hidden || shown < total;
    return isPart ? `${numbers.format(shown)} of ${counted(total, "image", "images")} shown.` : "";
  }

  more() {
    this.addPage(local(this.pages.at(-1).answer.next));
    $("more").hidden = true;
    this.lookNow();
  }
}

/** A webhook may take hours after the images are done; it is watched all the same. */
function isOver({ status, webhook }) {
  return status === "Completed" && !UNDER_WAY.includes(webhook?.status);
}

/** Nobody looks at a tab that is hidden: it costs the service nothing until it is seen again. */
function seen() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((wake) => {
    document.addEventListener("visibilitychange", () => wake(), { once: true });
  });
}
