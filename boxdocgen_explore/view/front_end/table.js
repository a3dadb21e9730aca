// The table: only the rows in sight are in the document, however many jobs there are.

import { cell } from "./columns.js";
import { button, element, statusDot } from "./dom.js";

const ROW_PX = 26;
const SPARE_ROWS = 6;
// Browsers fail on elements of some tens of millions of pixels; beyond this, scrolling is scaled.
const MOST_PX = 12_000_000;
// Ids are shown in full; long names of templates, and texts longer than any id, are cut.
const LONGEST_ID = 64;
const LONGEST_NAME = 14;
const LONGEST_FILE_NAME = 32;

const COLUMNS = [
  { name: "status", title: "Status" },
  { name: "external_id", title: "External id" },
  { name: "errors", title: "Reason" },
  { name: "template_file_id", title: "Template" },
  { name: "output_file_name", title: "Document" },
  { name: "output_file_size_bytes", title: "Size" },
  { name: "output_file_created_at", title: "Made (UTC)" },
  { name: "output_file_id", title: "Output" },
  { name: "job_id", title: "Job id" },
];

export class Table {
  /** `onSort` gets [column, direction], `onCopy` the text to copy. */
  constructor({ onSort, onCopy }) {
    Object.assign(this, { onSort, onCopy, jobs: new Uint32Array(0), active: 0, open: -1, openPx: 0, top: 0, px: 0 });
    this.head = element("tr", { "aria-rowindex": "1" });
    this.body = element("tbody");
    this.cols = element("colgroup");
    const parts = [this.cols, element("thead", {}, this.head), this.body];
    this.table = element("table", { "aria-label": "Jobs" }, parts);
    this.root = element("div", { class: "jobs" }, this.table);
    this.root.addEventListener("scroll", () => this.measureAndDraw(), { passive: true });
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.measureAndDraw());
    this.observer.observe(this.root);
  }

  /** Show these jobs; `stay` keeps the scroll position, for the same filters over newer jobs. */
  show(frame, jobs, sort, { templates, specs }, stay) {
    const known = this.frame === frame;
    Object.assign(this, { frame, jobs, templates, specs });
    // The name of a document says its type, and links to it, so that its id is in the details alone.
    const hidden = frame.columns.has("output_file_name") ? "output_file_id" : null;
    this.columns = COLUMNS.filter(({ name }) => frame.columns.has(name) && name !== hidden);
    if (!known) this.setWidths();
    this.active = Math.min(this.active, Math.max(0, jobs.length - 1));
    if (!stay || this.open >= jobs.length) this.open = -1;
    this.table.setAttribute("aria-rowcount", String(jobs.length + 1));
    this.drawHead(sort ?? ["status", "ascending"]);
    if (!stay && this.top) this.root.scrollTop = this.top = 0;
    this.draw();
  }

  /** Measure before drawing: measured while drawing, the page would be laid out twice. */
  measureAndDraw() {
    Object.assign(this, { top: this.root.scrollTop, px: this.root.clientHeight });
    this.draw();
  }

  /** Make columns of ids as wide as their longest id; the reason gets the rest. */
  setWidths() {
    const lengths = {
      external_id: this.longest("external_id"),
      template_file_id: this.longest("template_file_id", (id) => this.templates.get(id)?.slice(0, LONGEST_NAME) ?? id),
      output_file_name: Math.min(LONGEST_FILE_NAME, this.longest("output_file_name")),
      output_file_size_bytes: "1,023 kB".length,
      output_file_created_at: "2026-11-03 02:14:03".length,
      output_file_id: this.longest("output_type") + 1 + this.longest("output_file_id"),
      job_id: this.longest("job_id"),
    };
    let sum = 0;
    const cols = this.columns.map(({ name, title }) => {
      const col = element("col", { class: `column-${name}` });
      if (!(name in lengths)) return col;
      const length = Math.min(LONGEST_ID, Math.max(title.length, lengths[name]));
      sum += length;
      col.style.width = `calc(${length}ch + 18px)`;
      return col;
    });
    this.cols.replaceChildren(...cols);
    this.table.style.setProperty("--boxdocgen-ids", `${sum}ch`);
  }

  longest(name, shown = (value) => value) {
    return this.frame.columns.get(name)?.longest(shown) ?? 0;
  }

  drawHead([sorted, direction]) {
    this.head.replaceChildren(
      ...this.columns.map(({ name, title }) => {
        const next = name === sorted && direction === "ascending" ? "descending" : "ascending";
        const attributes = { scope: "col", class: `column-${name}` };
        if (name === sorted) attributes["aria-sort"] = direction;
        return element("th", attributes, button({}, title, () => this.onSort([name, next])));
      }),
    );
  }

  /** Put the rows in sight between two spacers. */
  draw() {
    if (!this.frame) return;
    const { first, last, top, rows: rowsPx } = this.range();
    const focused = this.body.contains(document.activeElement);
    // Focus stays on a row that is in the document, even if the wheel scrolls it out of sight.
    if (focused) this.active = Math.max(first, Math.min(this.active, last - 1));
    const rows = [];
    for (let place = first; place < last; place += 1) {
      rows.push(this.row(place));
      if (place === this.open) rows.push(this.details(place));
    }
    this.body.replaceChildren(spacer(top), ...rows, spacer(0));
    const details = this.body.querySelector(".details");
    if (details) this.openPx = details.offsetHeight;
    const total = rowsPx + (this.open < 0 ? 0 : this.openPx);
    const drawn = (last - first) * ROW_PX + (details ? this.openPx : 0);
    this.body.lastChild.style.height = `${Math.max(0, total - top - drawn)}px`;
    if (focused) this.focusRow();
  }

  focusRow() {
    this.body.querySelector('tr[tabindex="0"]')?.focus({ preventScroll: true });
  }

  /** Which jobs are in sight, and where their first row begins. */
  range() {
    const { top: scrollTop, px: clientHeight } = this;
    const jobs = this.jobs.length;
    const sight = Math.ceil(clientHeight / ROW_PX);
    const extra = this.open < 0 ? 0 : this.openPx;
    const rows = Math.min(jobs * ROW_PX, MOST_PX);
    if (jobs * ROW_PX > MOST_PX) {
      const share = scrollTop / Math.max(1, rows + extra - clientHeight);
      const first = Math.max(0, Math.round(share * (jobs - sight + 2)));
      return { first, last: Math.min(jobs, first + sight), top: scrollTop, rows };
    }
    const over = this.open >= 0 && scrollTop > (this.open + 1) * ROW_PX;
    const from = Math.floor((scrollTop - (over ? extra : 0)) / ROW_PX) - SPARE_ROWS;
    const first = Math.max(0, from);
    const top = first * ROW_PX + (this.open >= 0 && first > this.open ? extra : 0);
    return { first, last: Math.min(jobs, from + sight + 2 * SPARE_ROWS), top, rows };
  }

  row(place) {
    const job = this.jobs[place];
    const tab = place === this.active ? "0" : "-1";
    const cells = this.columns.map(({ name }) => element("td", { class: `column-${name}` }, this.value(name, job, tab)));
    // No aria-expanded: the row of a table, other than that of a treegrid, has none.
    const open = place === this.open ? { class: "job open", "aria-description": "Details follow" } : { class: "job" };
    return element("tr", { "aria-rowindex": place + 2, tabindex: tab, "data-place": place, ...open }, cells);
  }

  value(name, job, tab) {
    const value = cell(this.frame, name, job);
    if (name === "status") return this.status(job, value);
    if (name === "output_file_name") return this.document(job, value, tab);
    if (name === "output_file_size_bytes") return value === null ? "" : bytes(Number(value));
    if (name === "output_file_created_at") return value?.slice(0, 19).replace("T", " ") ?? "";
    if (name === "errors") return this.reason(job);
    if (name === "template_file_id") return this.templates.get(value) ?? value ?? "";
    if (name === "output_file_id") return this.output(job, tab);
    if (value === null) return "";
    return button({ class: "id", title: "Copy", tabindex: tab }, value, () => this.onCopy(value));
  }

  status(job, value) {
    const parts = [statusDot(this.specs, value), value];
    if (cell(this.frame, "changed", job)) {
      parts.push(element("span", { class: "changed", title: "Changed since the last look" }, "new"));
    }
    return parts;
  }

  document(job, name, tab) {
    if (cell(this.frame, "output_file_found", job) === false) return element("em", {}, "does not exist");
    const file = cell(this.frame, "output_file_id", job);
    return name === null || file === null ? name ?? "" : fileLink(file, tab, name);
  }

  reason(job) {
    const messages = cell(this.frame, "errors", job)?.filter((message) => message?.trim()) ?? [];
    if (messages.length) return messages.join(" · ");
    const reasons = cell(this.frame, "reason", job) ?? [];
    return reasons.length ? element("em", {}, reasons[0]) : "";
  }

  output(job, tab) {
    const type = cell(this.frame, "output_type", job) ?? "";
    const file = cell(this.frame, "output_file_id", job);
    return file === null ? type : [`${type} `, fileLink(file, tab)];
  }

  /** Everything known of one job, its full messages first. */
  details(place) {
    const job = this.jobs[place];
    const list = element("dl");
    const columns = [...this.frame.columns.values()];
    for (const column of columns.sort((a, b) => isMessages(b) - isMessages(a))) {
      const value = column.at(job);
      if (column.derived || value === null || value.length === 0) continue;
      list.append(element("dt", {}, column.name), element("dd", {}, this.detail(column.name, value)));
    }
    const td = element("td", { colspan: this.columns.length }, list);
    return element("tr", { class: "details" }, td);
  }

  detail(name, value) {
    if (Array.isArray(value)) return element("ul", {}, value.map((message) => element("li", {}, message ?? "null")));
    if (name === "output_file_id") return fileLink(value, "0");
    const meanings = new Map(Object.entries(this.specs.meanings));
    if (typeof value === "boolean") return String(value);
    const title = { status: meanings, template_file_id: this.templates }[name]?.get(value);
    return title ? `${value} (${title})` : value;
  }

  click(event) {
    const row = event.target.closest("tr.job");
    if (!row || event.target.closest("a, button") || String(getSelection())) return;
    this.toggle(Number(row.dataset.place));
  }

  toggle(place) {
    Object.assign(this, { active: place, open: this.open === place ? -1 : place, openPx: 0 });
    this.draw();
    this.focusRow();
  }

  key(event) {
    if (!event.target.matches("tr.job")) return;
    const page = Math.floor(this.root.clientHeight / ROW_PX) - 2;
    const end = this.jobs.length - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -end, End: end };
    if (event.key === "Enter" || event.key === " ") this.toggle(this.active);
    else if (event.key in steps) this.move(Math.max(0, Math.min(end, this.active + steps[event.key])));
    else return;
    event.preventDefault();
  }

  move(place) {
    this.active = place;
    this.scrollTo(place);
    this.measureAndDraw();
    this.focusRow();
  }

  scrollTo(place) {
    const { clientHeight } = this.root;
    const sight = clientHeight - this.head.offsetHeight - ROW_PX;
    if (this.jobs.length * ROW_PX > MOST_PX) {
      const total = MOST_PX + (this.open < 0 ? 0 : this.openPx);
      this.root.scrollTop = (place / this.jobs.length) * (total - clientHeight);
      return;
    }
    const top = place * ROW_PX + (this.open >= 0 && place > this.open ? this.openPx : 0);
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top > this.root.scrollTop + sight) this.root.scrollTop = top - sight;
  }
}

function isMessages({ name }) {
  return Number(name === "errors" || name === "warnings");
}

function fileLink(file, tab, text = file) {
  const href = `https://app.box.com/file/${encodeURIComponent(file)}`;
  return element("a", { href, target: "_blank", rel: "noopener noreferrer", class: "id", tabindex: tab, title: text }, text);
}

/** Write a size in decimal units, as Box does. */
export function bytes(size) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"]]) {
    if (size >= unit) return `${(size / unit).toFixed(1)} ${name}`;
  }
  return size >= 1000 ? `${Math.round(size / 1000)} kB` : `${size} B`;
}

function spacer(px) {
  const row = element("tr", { "aria-hidden": "true", class: "spacer" });
  row.style.height = `${px}px`;
  return row;
}
