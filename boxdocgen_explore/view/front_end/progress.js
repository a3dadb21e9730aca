// The progress of a watched batch: a bar of final jobs, and Python's text on pace and changes. If the
// next look is overdue, the kernel is probably gone, which is reported.

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
    // Screen readers read a status again when it is written again.
    if (this.text.textContent !== words) this.text.textContent = words;
    this.root.classList.toggle("overdue", overdue);
    this.root.title = `${number(calls)} calls of Box since the watch began`;
  }
}
