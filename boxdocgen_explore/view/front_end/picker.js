// Choosing batches: the search, the table, the field "Batch ids" and the button "Load". The
// request goes to the kernel in one message, because separately sent values may arrive later.

import { button, element, keepFromJupyter, number } from "./dom.js";
import { BatchTable } from "./batch_table.js";

class Picker {
  constructor(model, root) {
    Object.assign(this, { model, root });
    this.build();
    const batches = () => this.showBatches();
    const status = () => this.showStatus();
    this.listeners = [
      ...["rows", "loaded", "partial", "cached"].map((key) => [`change:${key}`, batches]),
      ...["status", "listing", "expanded"].map((key) => [`change:${key}`, status]),
      ["change:disabled", () => this.disable()],
      ["msg:custom", ({ event }) => event === "focus" && this.ids.focus({ preventScroll: true })],
    ];
    for (const [name, listener] of this.listeners) model.on(name, listener);
    batches();
    status();
    this.disable();
  }

  build() {
    this.search = element("input", { type: "search", placeholder: "template, date, id, state" });
    this.search.oninput = () => this.filter();
    this.search.onkeydown = (event) => this.enterTable(event);
    this.matches = element("span", { class: "matches", role: "status" });
    this.table = new BatchTable({ onSelect: () => this.onSelect(), onLoad: () => this.load("") });
    this.status = element("div", { class: "list-status", role: "status" });
    this.ids = element("input", { type: "text", placeholder: "12345, 12346: typed or pasted" });
    this.ids.oninput = () => this.ids.value && this.table.select([]);
    this.ids.onkeydown = (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      this.load(this.ids.value);
      this.ids.select(); // the next typed or scanned text replaces it
    };
    this.selected = element("span", { class: "selected", role: "status" });
    this.panel = element("div", { class: "panel" }, [
      element("div", { class: "line" }, [element("label", {}, ["Search batches", this.search]), this.matches]),
      this.table.root,
      this.status,
    ]);
    const ids = element("label", {}, ["Batch ids", this.ids]);
    this.loading = button({ class: "jupyter-button mod-primary" }, "Load", () => this.load(this.ids.value));
    this.root.classList.add("boxdocgen");
    this.root.addEventListener("keydown", keepFromJupyter);
    this.root.replaceChildren(this.panel, element("div", { class: "line ids" }, [ids, this.selected, this.loading]));
  }

  disable() {
    this.ids.disabled = this.loading.disabled = Boolean(this.model.get("disabled"));
  }

  load(text) {
    if (this.loading.disabled) return;
    this.model.send({ event: "load", text, selected: [...this.table.selected] });
  }

  // --- actions --------------------------------------------------------------------------------

  filter() {
    this.table.search = this.search.value;
    this.table.arrange(false);
    this.showMatches();
  }

  enterTable(event) {
    if ((event.key !== "ArrowDown" && event.key !== "Enter") || event.isComposing) return;
    event.preventDefault();
    this.table.focusRow();
  }

  /** Either ids are typed or batches are selected, never both. */
  onSelect() {
    if (this.table.selected.size) this.ids.value = "";
    this.showSelected();
  }

  // --- display --------------------------------------------------------------------------------

  showBatches() {
    const [loaded, partial, cached] = ["loaded", "partial", "cached"].map((key) => new Set(this.model.get(key)));
    this.table.show(this.model.get("rows"), this.model.get("statuses"), { loaded, partial, cached });
    this.showMatches();
    this.showStatus();
  }

  showMatches() {
    const { shown, batches } = this.table;
    const all = `${number(batches.length)} batch${batches.length === 1 ? "" : "es"}`;
    this.matches.textContent = this.search.value.trim() ? `${number(shown.length)} of ${all}` : all;
    this.matches.hidden = !batches.length;
    this.showSelected();
  }

  showSelected() {
    const { selected, shown, batches } = this.table;
    const hidden = selected.size - shown.filter(({ id }) => selected.has(id)).length;
    let more = hidden ? ` (${number(hidden)} not in this search)` : "";
    if (selected.size === 1) more = `: ${batches.find(({ id }) => selected.has(id)).label}`;
    this.selected.textContent = selected.size ? `${number(selected.size)} selected${more}` : "";
  }

  /** Show the state of the batch list; the details of an error are folded. */
  showStatus() {
    const [happened, ...details] = this.model.get("status").split("\n");
    const listing = this.model.get("listing");
    const parts = [happened];
    if (listing === "failed") parts.push(button({}, "Retry", () => this.model.send({ event: "retry" })));
    if (details.length) parts.push(element("details", {}, [element("summary", {}, "Details"), details.join("\n")]));
    this.status.replaceChildren(...parts);
    this.status.classList.toggle("failed", listing === "failed");
    this.status.setAttribute("aria-live", listing === "read" ? "off" : "polite"); // counts change too fast
    this.table.root.hidden = !this.table.batches.length && listing !== "read";
    this.panel.hidden = !this.model.get("expanded");
  }

  remove() {
    for (const [name, listener] of this.listeners) this.model.off(name, listener);
    this.table.observer.disconnect();
  }
}

export default {
  render({ model, el }) {
    const picker = new Picker(model, el);
    return () => picker.remove();
  },
};
