// The table of batches, which sorts, searches and selects, and reports the batches to load.

import { element, number } from "./dom.js";
import { batchesOf, found, outcomes, percentFailed, selection } from "./batch_rows.js";
import { ROW_PX, VirtualTable } from "./virtual_table.js";

const COLUMNS = [
  { name: "select", title: "Selected", unsorted: true },
  { name: "template", title: "Template" },
  { name: "created", title: "Created (UTC)" },
  { name: "jobs", title: "Jobs" },
  { name: "outcomes", title: "Outcomes" },
  { name: "failed", title: "% failed" },
  { name: "state", title: "State" },
  { name: "id", title: "Id" },
];

export class BatchTable extends VirtualTable {
  /** `onSelect` is called when the selection changes, `onLoad` to load it. */
  constructor({ onSelect, onLoad }) {
    super("Batches", "batches");
    Object.assign(this, { onSelect, onLoad, batches: [], shown: [], search: "" });
    Object.assign(this, { selected: new Set(), anchor: null, sort: ["created", "descending"] });
    this.table.setAttribute("role", "grid");
    this.table.setAttribute("aria-multiselectable", "true");
    this.empty = element("p", { class: "empty" });
    this.root.append(this.empty);
    this.body.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault()); // selects text
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("dblclick", (event) => event.target.type !== "checkbox" && this.onLoad());
    this.body.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show these batches; selection, focus and scroll position stay. */
  show(rows, statuses, marks) {
    this.statuses = statuses;
    this.batches = batchesOf(rows, statuses, marks);
    const ids = new Set(this.batches.map(({ id }) => id));
    this.selected = new Set([...this.selected].filter((id) => ids.has(id)));
    this.arrange(true);
  }

  onSort(sort) {
    this.sort = sort;
    this.arrange(false);
  }

  /** Search and sort; `stay` keeps the first visible row in place, otherwise the list starts at its top. */
  arrange(stay) {
    const first = this.shown[Math.floor(this.top / ROW_PX)]?.id;
    const active = this.shown[this.active]?.id;
    this.shown = found(this.batches, this.search, this.sort);
    const place = (id) => Math.max(0, this.shown.findIndex((batch) => batch.id === id));
    this.active = place(active);
    this.empty.textContent = this.batches.length && !this.shown.length ? `No batch matches “${this.search.trim()}”.` : "";
    this.drawHead(COLUMNS, this.sort);
    this.setCount(this.shown.length);
    if (!this.top) return;
    this.root.scrollTop = stay ? place(first) * ROW_PX + (this.top % ROW_PX) : 0;
    this.measureAndDraw();
  }

  row(place) {
    const batch = this.shown[place];
    const kind = batch.running ? "batch running" : "batch";
    const cells = COLUMNS.map(({ name }) => element("td", { class: `column-${name}` }, this.value(name, batch)));
    const places = { "aria-rowindex": place + 2, "data-place": place };
    return this.mark(element("tr", { class: kind, title: batch.label, ...places }, cells));
  }

  value(name, batch) {
    if (name === "select") return element("input", { type: "checkbox", tabindex: "-1", "aria-label": `Select ${batch.label}` });
    if (name === "state") return batch.states;
    if (name === "created") return batch.time;
    if (!batch.counts) return batch[name] ?? "";
    if (name === "outcomes") return this.bar(batch);
    if (name === "failed") return percentFailed(batch.share || 0);
    return name === "jobs" ? number(batch.jobs) : batch[name];
  }

  bar({ counts }) {
    const text = outcomes(counts, this.statuses);
    const pieces = counts.map((count, place) => {
      const piece = element("span");
      piece.style.cssText = `flex-grow: ${count}; background: ${this.statuses[place].colour}`;
      return count ? piece : "";
    });
    return element("span", { class: "outcomes", role: "img", "aria-label": text, title: text }, pieces);
  }

  // --- the selection --------------------------------------------------------------------------

  /** Select these; rows stay the same elements, so that a double click is not two clicks. */
  select(ids) {
    this.selected = new Set(ids);
    for (const row of this.body.querySelectorAll("tr.batch")) this.mark(row);
    this.onSelect();
  }

  mark(row) {
    const place = Number(row.dataset.place);
    const selected = this.selected.has(this.shown[place].id);
    row.tabIndex = place === this.active ? 0 : -1;
    row.setAttribute("aria-selected", String(selected));
    row.querySelector("input").checked = selected;
    return row;
  }

  /** The user selected a row; `add` and `range` if a modifier key extends the selection. */
  pick(place, { add, range }) {
    const order = this.shown.map(({ id }) => id);
    const [id, anchor] = [order[place], this.anchor];
    if (!range) this.anchor = id;
    this.active = place;
    this.select(selection(this.selected, order, { anchor, id, add, range }));
    this.focusRow();
  }

  click(event) {
    const row = event.target.closest("tr[tabindex]");
    if (!row) return;
    const add = event.ctrlKey || event.metaKey || event.target.type === "checkbox";
    this.pick(Number(row.dataset.place), { add, range: event.shiftKey });
  }

  key(event) {
    if (!this.count) return;
    const place = this.placeAfter(event.key);
    const held = event.ctrlKey || event.metaKey;
    if (event.key === "Enter") this.loadActive();
    else if (event.key === " ") this.pick(this.active, { add: true, range: event.shiftKey });
    else if (held && event.key === "a") this.select(this.shown.map(({ id }) => id));
    else if (place === undefined) return;
    else this.step(place, event.shiftKey);
    event.preventDefault();
    event.stopPropagation(); // otherwise JupyterLab treats it as a shortcut
  }

  step(place, range) {
    this.anchor ??= this.shown[this.active].id;
    this.move(place);
    if (range) this.pick(place, { range });
    else this.anchor = this.shown[place].id;
  }

  /** Enter loads the focused row, or the selection if that row is selected. */
  loadActive() {
    if (!this.selected.has(this.shown[this.active].id)) this.pick(this.active, {});
    this.onLoad();
  }
}
