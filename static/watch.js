// Watches a request: asks for its status at the pace that the service names, bears with a service
// that is away, and loads further pages of images when asked to.

import { showImages, showRequest } from "./request.js";
import { $, counted, local, numbers, parsed, say, sayOrHide } from "./words.js";

const IDLE_SECONDS = 5; // where the service names no pause: only the webhook is under way then
const FIRST_RETRY_SECONDS = 2; // of a service that is away, and so much more each time
const SLOWEST_SECONDS = 30;
const PATIENCE_SECONDS = 30; // for one answer
const PAGES_AT_ONCE = 3; // so that a look costs the same, however many pages are shown
const ANSWERED = ["Completed", "Failed"];
const UNDER_WAY = ["Pending", "Processing"];

/** The service is away or says no; ``isFinal`` when asking again can't help. */
class Trouble extends Error {
  constructor(message, { isFinal = false, seconds = 0 } = {}) {
    super(message);
    Object.assign(this, { isFinal, seconds });
  }
}

/** One page of a request's images. Each answer has the request's counters too. */
class Page {
  constructor(address, body) {
    Object.assign(this, { address, body, etag: "", answer: null, seconds: 0 });
  }

  get isSettled() {
    return this.answer?.images.every(({ status }) => ANSWERED.includes(status)) ?? false;
  }

  async load() {
    const answer = await ask(this.address, this.etag && { "If-None-Match": this.etag });
    this.seconds = pauseOf(answer) || IDLE_SECONDS;
    if (answer.status === 304) return;
    const content = parsed(await answer.text().catch(away));
    if (!answer.ok || !content) throw refusal(answer, content);
    this.answer = content;
    this.etag = answer.headers.get("ETag") ?? "";
  }
}

async function ask(address, headers) {
  const signal = AbortSignal.timeout(1000 * PATIENCE_SECONDS);
  return fetch(address, { headers: headers || {}, cache: "no-store", signal }).catch(away);
}

function away() {
  throw new Trouble("The service does not answer. This page keeps trying; no image is lost.");
}

function refusal(answer, problem) {
  const isFinal = answer.status < 500 && ![408, 429].includes(answer.status);
  const words = problem?.detail ?? `The service answered ${answer.status}.`;
  const more = isFinal ? "" : " This page keeps trying.";
  return new Trouble(words + more, { isFinal, seconds: pauseOf(answer) });
}

/** The seconds of Retry-After; a date there, which this service never sends, counts as none. */
const pauseOf = (answer) => Number(answer.headers.get("Retry-After")) || 0;

export class Watch {
  constructor(id) {
    this.address = `status/${encodeURIComponent(id)}`;
    this.counters = new Page(`${this.address}?limit=1`);
    this.pages = [];
    this.failures = 0;
    this.isStopped = false;
    this.addPage(this.address);
  }

  stop() {
    this.isStopped = true;
  }

  addPage(address) {
    this.pages.push(new Page(address, $("images").createTBody()));
  }

  async run() {
    this.isOver = false;
    for (;;) {
      const seconds = await this.look();
      if (this.isStopped || this.isOver) return;
      await new Promise((wake) => {
        this.wake = wake;
        setTimeout(wake, 1000 * seconds);
      });
    }
  }

  /** Loads what is due; returns the seconds until the next look. */
  async look() {
    const pages = this.due();
    try {
      for (const page of pages) await this.refresh(page);
      return Math.min(...pages.map(({ seconds }) => seconds));
    } catch (trouble) {
      return this.bear(trouble);
    }
  }

  /** New pages first. A page whose images all have their answer is not loaded again. */
  due() {
    const unsettled = this.pages.filter((page) => !page.isSettled);
    unsettled.sort((one, other) => Boolean(one.answer) - Boolean(other.answer));
    return unsettled.length ? unsettled.slice(0, PAGES_AT_ONCE) : [this.counters];
  }

  async refresh(page) {
    await page.load();
    if (this.isStopped) return;
    this.failures = 0;
    sayOrHide("trouble", "");
    if (page.body) showImages(page);
    showRequest(page.answer, this.address);
    this.showMore(page.answer);
    this.isOver = isOver(page.answer) && this.pages.every(({ isSettled }) => isSettled);
  }

  bear(trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    if (this.isStopped) return 0;
    this.failures += 1;
    this.isOver = trouble.isFinal;
    sayOrHide("trouble", trouble.message);
    if (trouble.isFinal && !this.pages[0].answer) say("job-title", "Nothing to watch here");
    return trouble.seconds || Math.min(FIRST_RETRY_SECONDS * this.failures, SLOWEST_SECONDS);
  }

  showMore({ progress }) {
    const shown = this.pages.reduce((sum, { answer }) => sum + (answer?.images.length ?? 0), 0);
    const { answer } = this.pages.at(-1);
    $("more").hidden = shown >= progress.total || !answer?.next;
    $("shown").hidden = $("more").hidden;
    const all = counted(progress.total, "image", "images");
    say("shown", `${numbers.format(shown)} of ${all} shown.`);
  }

  more() {
    this.addPage(local(this.pages.at(-1).answer.next));
    $("more").hidden = true;
    if (this.isOver) this.run();
    else this.wake?.();
  }
}

/** A webhook may take hours after the images are done; it is watched all the same. */
function isOver({ status, webhook }) {
  return status === "Completed" && !UNDER_WAY.includes(webhook?.status);
}
