// The columns of the table: those that its jobs need, or those that the user chose in a menu.

import { button, element, menu } from "./dom.js";

const COLUMNS = [
  { name: "status", title: "Status" },
  { name: "batch_id", title: "Batch" },
  { name: "external_id", title: "External id" },
  { name: "errors", title: "Reason" },
  { name: "warnings", title: "Warnings", extra: true },
  { name: "template_file_id", title: "Template" },
  { name: "template_file_version_id", title: "Template version", extra: true },
  { name: "created_at", title: "Created (UTC)", extra: true },
  { name: "created_by_login", title: "Created by", extra: true },
  { name: "output_file_name", title: "Document" },
  { name: "output_file_size_bytes", title: "Size" },
  { name: "output_file_created_at", title: "Made (UTC)" },
  { name: "output_file_id", title: "Output" },
  { name: "job_id", title: "Job id" },
];

/** Return the columns of a table of these jobs; unknown names are left out. */
export function columnsOf(frame, chosen) {
  const known = COLUMNS.filter(({ name }) => frame.columns.has(name));
  const wanted = known.filter(({ name }) => chosen?.includes(name));
  // The name of a document shows its type and links to it, so its id is only in the details.
  const hidden = [frame.columns.has("output_file_name") ? "output_file_id" : null];
  if (frame.columns.get("batch_id")?.values.length < 2) hidden.push("batch_id");
  return wanted.length ? wanted : known.filter(({ name, extra }) => !extra && !hidden.includes(name));
}

export class ColumnChoice {
  /** `onChoose` gets the names of the columns, or null for the default columns. */
  constructor(onChoose) {
    Object.assign(this, { onChoose, inputs: new Map() });
    this.root = menu("Columns");
    this.boxes = this.root.lastChild;
  }

  draw(frame, shown) {
    if (this.frame !== frame) this.offer(frame);
    for (const [name, input] of this.inputs) input.checked = shown.some((column) => column.name === name);
  }

  offer(frame) {
    const known = COLUMNS.filter(({ name }) => frame.columns.has(name));
    Object.assign(this, { frame, inputs: new Map(known.map(({ name }) => [name, element("input", { type: "checkbox" })])) });
    const chosen = () => known.map(({ name }) => name).filter((name) => this.inputs.get(name).checked);
    for (const input of this.inputs.values()) input.onchange = () => this.onChoose(chosen());
    const labels = known.map(({ name, title }) => element("label", {}, [this.inputs.get(name), title]));
    this.boxes.replaceChildren(...labels, button({}, "Usual columns", () => this.onChoose(null)));
  }
}
