// The table of jobs: one row per job, which opens to all its details.

import { NONE } from "./bars.js";
import { columnsOf } from "./column_choice.js";
import { ColumnWidths } from "./column_widths.js";
import { cell, noFormula } from "./columns.js";
import { shareBar } from "./column_shares.js";
import { button, element, statusDot } from "./dom.js";
import { hasReason, highlight, SEARCHED } from "./search.js";
import { VirtualTable } from "./virtual_table.js";

const PLAIN_TEXTS = ["template_file_id", "created_at", "output_file_created_at", "warnings", "created_by_login"];

export class Table extends VirtualTable {
  /** `onSort` gets [column, direction], `onCopy` the text to copy, `onWidths` what `ColumnWidths` gives. */
  constructor({ onSort, onCopy, onWidths }) {
    super("Jobs", "jobs");
    Object.assign(this, { onSort, onCopy, jobs: new Uint32Array(0), columns: [] });
    this.widths = new ColumnWidths(this.table, onWidths);
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show these jobs; `stay` keeps the scroll position, for the same filters on newer jobs. */
  show(frame, jobs, sort, view, stay) {
    const { templates, specs, filters, state } = view;
    const [before, known] = [this.columnsKey, this.frame === frame];
    const opened = stay && !known && this.open >= 0 ? this.jobId(this.open) : null;
    Object.assign(this, { frame, jobs, view, templates, specs, pieces: filters.pieces, reasons: state.reason ?? [] });
    this.columns = columnsOf(frame, state.columns);
    this.columnsKey = [...this.columns.map(({ name }) => name), state.widths].join();
    if (!known || before !== this.columnsKey) this.widths.show(this.columns, frame, (key, value) => view.label(key, value), state.widths);
    if (!stay || this.open >= jobs.length) this.open = -1;
    if (opened !== null) this.open = jobs.findIndex((job, place) => this.jobId(place) === opened);
    this.drawHead(this.columns, sort ?? ["status", "ascending"]);
    this.columns.forEach(({ name }, place) => {
      this.widths.handle(this.head.children[place], name);
      // Not above the first rows of a running search, which are not all jobs yet.
      if (jobs === view.jobs) this.head.children[place].append(shareBar(name, frame, jobs, view));
    });
    if (!stay && this.top) this.root.scrollTop = this.top = 0;
    this.setCount(jobs.length);
  }

  jobId(place) {
    return cell(this.frame, "job_id", this.jobs[place]);
  }

  row(place) {
    const job = this.jobs[place];
    const tab = place === this.active ? "0" : "-1";
    const cells = this.columns.map(({ name }) => element("td", { class: `column-${name}` }, this.value(name, job, tab)));
    for (const td of cells.filter((_, column) => SEARCHED.includes(this.columns[column].name))) highlight(td, this.pieces);
    // No aria-expanded: unlike rows of a treegrid, rows of a table have none.
    const open = place === this.open ? { class: "job open", "aria-description": "Details follow" } : { class: "job" };
    return element("tr", { "aria-rowindex": place + 2, tabindex: tab, "data-place": place, ...open }, cells);
  }

  value(name, job, tab) {
    const value = cell(this.frame, name, job);
    if (name === "status") return this.status(job, value);
    if (name === "output_file_name") return this.document(job, value, tab);
    if (name === "output_file_size_bytes") return value === null ? "" : bytes(Number(value));
    if (name === "errors") return this.reason(job);
    if (name === "batch_id") return this.batch(value);
    if (PLAIN_TEXTS.includes(name)) return this.text(name, job);
    if (name === "output_file_id") return this.output(job, tab);
    if (value === null) return "";
    return button({ class: "id", title: "Copy", tabindex: tab }, value, () => this.onCopy(value));
  }

  /** The text of a cell for people. */
  text(name, job) {
    const value = cell(this.frame, name, job);
    if (name === "status") return value ?? NONE;
    if (name === "output_file_id") return [cell(this.frame, "output_type", job), value].filter(Boolean).join(" ");
    if (name === "errors" && !value?.length) return (cell(this.frame, "reason", job) ?? []).join(" · ");
    if (value === null) return "";
    if (name.endsWith("created_at")) return value.slice(0, 19).replace("T", " ");
    return Array.isArray(value) ? value.filter(Boolean).join(" · ") : this.view.label(name, value);
  }

  /** The rows shown as tab-separated lines, for spreadsheets and e-mails. */
  asText() {
    const line = (cells) => cells.map((text) => noFormula(text.replace(/\s+/g, " "))).join("\t");
    const rows = Array.from(this.jobs, (job) => line(this.columns.map(({ name }) => this.text(name, job))));
    return [line(this.columns.map(({ title }) => title)), ...rows].join("\n");
  }

  /** The name may be truncated, the id is not. */
  batch(id) {
    const label = this.view.label("batch_id", id);
    const name = id === null ? label : label.slice(0, -id.length);
    return element("div", { class: "named", title: label }, [element("span", {}, name), element("span", {}, id ?? "")]);
  }

  status(job, value) {
    const parts = [statusDot(this.specs, value), value ?? NONE];
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

  /** The message that matches the filter or the search, and the number of others. */
  reason(job) {
    const messages = cell(this.frame, "errors", job)?.filter((message) => message?.trim()) ?? [];
    const [none] = cell(this.frame, "reason", job) ?? [];
    if (!messages.length) return none ? element("em", {}, none) : "";
    const found = (message) => [...this.pieces.keys()].filter((piece) => message.toLowerCase().includes(piece)).length;
    const first =
      messages.find((message) => this.reasons.some((reason) => hasReason(message, reason))) ??
      messages.reduce((best, message) => (found(message) > found(best) ? message : best));
    const others = element("span", {}, messages.length > 1 ? `+${messages.length - 1}` : "");
    return element("div", { class: "reason", title: messages.join("\n") }, [element("span", {}, first), others]);
  }

  output(job, tab) {
    const type = cell(this.frame, "output_type", job) ?? "";
    const file = cell(this.frame, "output_file_id", job);
    return file === null ? type : [`${type} `, fileLink(file, tab)];
  }

  /** All details of one job, its full messages first. */
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
    this.showDetails();
    this.focusRow();
  }

  key(event) {
    if (!event.target.matches("tr.job")) return;
    const place = this.placeAfter(event.key);
    const opens = event.key === "Enter" || event.key === " ";
    if (opens || (event.key === "Escape" && this.open === this.active)) this.toggle(this.active);
    else if (place !== undefined) this.move(place);
    else return;
    event.preventDefault();
  }
}

function isMessages({ name }) {
  return Number(name === "errors" || name === "warnings");
}

function fileLink(file, tab, text = file) {
  const href = `https://app.box.com/file/${encodeURIComponent(file)}`;
  return element("a", { href, target: "_blank", rel: "noopener noreferrer", class: "id", tabindex: tab, title: text }, text);
}

/** Write a size in decimal units, like Box. */
export function bytes(size) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"]]) {
    if (size >= unit) return `${(size / unit).toFixed(1)} ${name}`;
  }
  return size >= 1000 ? `${Math.round(size / 1000)} kB` : `${size} B`;
}
