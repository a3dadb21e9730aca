// The progress of a batch that is watched: a bar of final jobs, what Python says of the pace, and
// what changed. If the next look is overdue, the kernel is probably gone, and this says so.

import { element, number } from "./dom.js";

const PATIENCE_MS = 60_000;

export class ProgressLine {
  constructor(model) {
    Object.assign(this, { model, root: element("div", { class: "watching", hidden: "" }) });
    this.bar = element("progress", { "aria-label": "Final jobs" });
    this.text = element("span", { role: "status" });
    this.root.replaceChildren(this.bar, this.text);
  }

  draw() {
    const watching = this.model.get("watching");
    this.root.hidden = !watching;
    if (!watching) return;
    const { final, jobs, text, calls, due_at: dueAt } = watching;
    Object.assign(this.bar, { max: Math.max(1, jobs), value: final });
    const overdue = dueAt !== null && Date.now() > Date.parse(dueAt) + PATIENCE_MS;
    const words = overdue ? `${text} · No news since: the kernel may have stopped. Run the cell again.` : text;
    // A status that is written again is read aloud again.
    if (this.text.textContent !== words) this.text.textContent = words;
    this.root.classList.toggle("overdue", overdue);
    this.root.title = `${number(calls)} calls of Box since the watch began`;
  }
}
