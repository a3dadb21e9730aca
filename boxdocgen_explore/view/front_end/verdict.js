// The verdict: Python's headline and details, its age, and a notice below it.

import { button, element } from "./dom.js";
import { time } from "./durations.js";

const CLOCK_DIFFERENCE_S = 300;

export class VerdictLine {
  constructor(model) {
    Object.assign(this, { model, root: element("div", { class: "verdict", role: "status" }) });
  }

  draw() {
    const verdict = this.model.get("verdict");
    const notice = this.model.get("notice");
    const retry = Boolean(notice && this.model.get("retry"));
    this.root.hidden = !verdict && !notice;
    this.root.classList.toggle("incomplete", verdict?.complete === false);
    const text = JSON.stringify([verdict, notice, retry]);
    // Screen readers read a status again when it is written again: write it only if it changed.
    if (text === this.text) return;
    this.text = text;
    this.root.replaceChildren(...(verdict ? lines(verdict, notice) : []), ...(notice ? this.notice(notice, retry) : []));
    this.drawAge();
  }

  /** What happened and what to do, with a button if possible; status and request id are folded. */
  notice(text, retry) {
    const [happened, ...details] = text.split("\n");
    const parts = [element("p", {}, happened)];
    if (retry) parts.push(button({ class: "retry" }, "Retry", () => this.model.send({ event: "retry" })));
    if (details.length) {
      parts.push(element("details", {}, [element("summary", {}, "Details"), element("p", {}, details.join("\n"))]));
    }
    return [element("div", { class: "notice" }, parts)];
  }

  /** The age is computed here, because a saved page is read long after it was written. */
  drawAge() {
    const time = this.root.querySelector("time");
    const { read_at: readAt } = this.model.get("verdict") ?? {};
    if (!time || !readAt) return;
    time.setAttribute("datetime", readAt);
    time.title = readAt;
    time.dataset.at = `as of ${new Date(readAt).toISOString().slice(0, 16).replace("T", " ")} UTC`; // on paper
    const seconds = (Date.now() - Date.parse(readAt)) / 1000;
    // Read in the future: keep Python's text.
    if (seconds > -CLOCK_DIFFERENCE_S) time.textContent = age(seconds);
  }
}

/** Missing pages and why, unless a notice shows that; the result; the small print. */
function lines(verdict, notice) {
  const { warning, why, result, details } = verdict;
  const missing = why && !notice ? `${warning} · ${why}` : warning;
  const written = [["warning", missing], ["result", result], ["small", withTime(details.join(" · "), verdict.age)]];
  return written.filter(([, text]) => text.length).map(([name, text]) => element("p", { class: name }, text));
}

function withTime(text, written) {
  if (!written) return text;
  const start = text.lastIndexOf(written);
  return [text.slice(0, start), element("time", { "aria-live": "off" }, written), text.slice(start + written.length)];
}

/** Write an age in words, like Python's `text.duration` and `verdict`. */
export function age(seconds) {
  return seconds < 60 ? "just now" : `${time(seconds)} ago`;
}
