// The widths of the table's columns: ids are shown in full and the reason gets the rest, unless the
// user drags them.

import { element } from "./dom.js";

// Long names of templates, and texts longer than any id, are truncated.
const LONGEST_ID = 64;
const LONGEST_NAME = 14;
const LONGEST_FILE_NAME = 32;
const REST = "232px";
const [LEAST_PX, WIDEST_PX] = [48, 4000];
const STEP_PX = 16;

export class ColumnWidths {
  /** `onWidths` gets the widths that the user chose, in the form of the state. */
  constructor(table, onWidths) {
    Object.assign(this, { table, onWidths, cols: element("colgroup"), columns: [], px: new Map() });
    table.prepend(this.cols);
  }

  /** Set the widths of these columns; `label` names values of a column, `chosen` are those of the state. */
  show(columns, frame, label, chosen = []) {
    this.px = new Map(chosen.map((one) => one.split(":")).map(([name, px]) => [name, Math.max(LEAST_PX, Number(px))]));
    const longest = (name, shown = (value) => value) => frame.columns.get(name)?.longest(shown) ?? 0;
    const name = (id) => label("template_file_id", id);
    const lengths = {
      batch_id: Math.min(LONGEST_FILE_NAME, longest("batch_id", (id) => label("batch_id", id))),
      external_id: longest("external_id"),
      template_file_id: longest("template_file_id", (id) => (name(id) === id ? id : name(id).slice(0, LONGEST_NAME))),
      template_file_version_id: longest("template_file_version_id"),
      created_at: "2026-11-03 02:14:03".length,
      created_by_login: Math.min(LONGEST_FILE_NAME, longest("created_by_login")),
      output_file_name: Math.min(LONGEST_FILE_NAME, longest("output_file_name")),
      output_file_size_bytes: "1,023 kB".length,
      output_file_created_at: "2026-11-03 02:14:03".length,
      output_file_id: longest("output_type") + 1 + longest("output_file_id"),
      job_id: longest("job_id"),
    };
    const length = ({ name, title }) => Math.min(LONGEST_ID, Math.max(title.length, lengths[name]));
    this.usual = new Map(columns.filter(({ name }) => name in lengths).map((one) => [one.name, `(${length(one)}ch + 18px)`]));
    this.usual.set("status", "166px");
    this.columns = columns;
    this.cols.replaceChildren(...columns.map(() => element("col")));
    this.draw();
  }

  /** After a drag, the table is as wide as its columns; otherwise it fills its place. */
  draw() {
    const own = this.px.size > 0;
    const widths = this.columns.map(({ name }) => (this.px.has(name) ? `${this.px.get(name)}px` : this.usual.get(name)));
    widths.forEach((width, place) => (this.cols.children[place].style.width = width ? `calc(${width})` : own ? REST : ""));
    const sum = `calc(${widths.map((width) => width ?? REST).join(" + ")})`;
    Object.assign(this.table.style, { minWidth: sum, width: own ? sum : "" });
  }

  /** Make a column wider or narrower; the others keep their widths. */
  change(th, name, by) {
    const heads = [...th.parentNode.children];
    this.columns.forEach((column, place) => this.px.set(column.name, heads[place].offsetWidth));
    this.px.set(name, Math.round(Math.max(LEAST_PX, Math.min(WIDEST_PX, th.offsetWidth + by))));
    this.draw();
  }

  keep() {
    this.onWidths([...this.px].map(([name, px]) => `${name}:${px}`));
  }

  /** Make the width of a column adjustable, by its edge and by keys on its button. */
  handle(th, name) {
    const edge = element("span", { class: "edge", "aria-hidden": "true", title: "Drag to change the width. Double click: as before" });
    edge.onpointerdown = ({ pointerId }) => edge.setPointerCapture(pointerId);
    edge.onpointermove = (event) => {
      if (edge.hasPointerCapture(event.pointerId)) this.change(th, name, event.clientX - th.getBoundingClientRect().right);
    };
    edge.onlostpointercapture = () => this.keep();
    edge.ondblclick = () => this.onWidths(null);
    th.append(edge);
    th.onkeydown = (event) => {
      const step = event.shiftKey && { ArrowLeft: -STEP_PX, ArrowRight: STEP_PX }[event.key];
      if (!step) return;
      this.change(th, name, step);
      this.keep();
      event.preventDefault();
      event.stopPropagation(); // otherwise JupyterLab treats it as a shortcut
    };
    th.firstChild.title = "Shift and an arrow key change the width";
  }
}
