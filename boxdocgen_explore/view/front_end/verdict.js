// The verdict line: what Python wrote about the jobs, its age, and a notice under it.

import { element } from "./dom.js";
import { time } from "./durations.js";

const CLOCK_DIFFERENCE_S = 300;

export class VerdictLine {
  constructor(model) {
    Object.assign(this, { model, root: element("div", { class: "verdict", role: "status" }) });
  }

  draw() {
    const verdict = this.model.get("verdict");
    const notice = this.model.get("notice");
    this.root.hidden = !verdict && !notice;
    this.root.classList.toggle("incomplete", verdict?.complete === false);
    const text = JSON.stringify([verdict, notice]);
    // A status that is written again is read aloud again: leave it alone unless it changed.
    if (text === this.text) return;
    this.text = text;
    const parts = verdict ? [element("span", {}, withTime(verdict))] : [];
    if (notice) parts.push(element("span", { class: "notice" }, notice));
    this.root.replaceChildren(...parts);
    this.drawAge();
  }

  /** The age is computed here, because a saved page is read long after it was written. */
  drawAge() {
    const time = this.root.querySelector("time");
    const { read_at: readAt } = this.model.get("verdict") ?? {};
    if (!time || !readAt) return;
    time.setAttribute("datetime", readAt);
    time.title = readAt;
    const seconds = (Date.now() - Date.parse(readAt)) / 1000;
    // Read in the future: what Python wrote about that stays.
    if (seconds > -CLOCK_DIFFERENCE_S) time.textContent = age(seconds);
  }
}

function withTime({ text, age: written }) {
  if (!written) return [text];
  const start = text.lastIndexOf(written);
  return [text.slice(0, start), element("time", { "aria-live": "off" }, written), text.slice(start + written.length)];
}

/** Write an age in words, as Python's `text.duration` and `verdict` do. */
export function age(seconds) {
  return seconds < 60 ? "just now" : `${time(seconds)} ago`;
}
