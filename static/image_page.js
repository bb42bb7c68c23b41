// One page of a request's images, as the service gives them out. Each answer has the request's
// counters too.

import { ask, pauseOf, refusal } from "./service.js";

const IDLE_SECONDS = 5; // where the service names no pause: only the webhook is under way then
const ANSWERED = ["Completed", "Failed"];

export class ImagePage {
  /** ``isChosen`` where not all images are asked for: which they are changes with the work. */
  constructor(address, { body = null, isChosen = false } = {}) {
    Object.assign(this, { address, body, isChosen });
    Object.assign(this, { etag: "", answer: null, isStale: true, loadedAt: 0, seconds: 0 });
  }

  /** Whether it would be the same if it were loaded again. */
  get isSettled() {
    if (this.isStale) return false;
    if (this.isChosen) return this.answer.status === "Completed";
    return this.answer.images.every(({ status }) => ANSWERED.includes(status));
  }

  moveTo(address) {
    if (this.address === address) return;
    Object.assign(this, { address, etag: "", isStale: true });
  }

  async load() {
    const headers = this.etag ? { "If-None-Match": this.etag } : {};
    const answer = await ask(this.address, { headers });
    this.seconds = pauseOf(answer) || IDLE_SECONDS;
    if (answer.status !== 304) this.keep(answer);
    this.isStale = false;
    this.loadedAt = performance.now();
  }

  keep(answer) {
    if (!answer.ok || !answer.content) throw refusal(answer);
    this.answer = answer.content;
    this.etag = answer.headers.get("ETag") ?? "";
  }
}
