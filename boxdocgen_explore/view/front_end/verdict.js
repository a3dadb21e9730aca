// The verdict line: what Python said of the jobs, and a notice under it.

import { element } from "./dom.js";

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
    const parts = verdict ? [element("span", {}, verdictParts(verdict))] : [];
    if (notice) parts.push(element("span", { class: "notice" }, notice));
    this.root.replaceChildren(...parts);
    this.drawAge();
  }

  /** The age is reckoned here, for a saved page is read long after it was written. */
  drawAge() {
    const time = this.root.querySelector("time");
    const { read_at: readAt } = this.model.get("verdict") ?? {};
    if (!time || !readAt) return;
    time.setAttribute("datetime", readAt);
    time.title = readAt;
    time.textContent = age(Math.floor((Date.now() - Date.parse(readAt)) / 60_000));
  }
}

function verdictParts({ text, age: read }) {
  if (!read) return [text];
  const [before, after] = [text.slice(0, text.indexOf(read)), text.slice(text.indexOf(read) + read.length)];
  return [before, element("time", { "aria-live": "off" }, read), after];
}

function age(minutes) {
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / (24 * 60))} days ago`;
}
