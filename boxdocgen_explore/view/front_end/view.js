// The view: verdict, filters, charts and table over one payload, with a kernel and without one.
// It draws the values of `model` (payload, specs, templates, batch_labels, verdict, cause, state, notice)
// and changes only `state`; every change of it, from here or from Python, ends in `draw`.

import { afterPaint, copy, element, keepFromJupyter, number } from "./dom.js";
import { sortedJobs, unpack } from "./columns.js";
import { Filters } from "./filters.js";
import { actions, fullScreen, receiveFile } from "./actions.js";
import { ColumnChoice } from "./column_choice.js";
import { NONE } from "./bars.js";
import { Charts } from "./charts.js";
import { Table } from "./table.js";
import { disambiguate, Sidebar } from "./sidebar.js";
import { ProgressLine } from "./progress.js";
import { VerdictLine } from "./verdict.js";
import { CauseBlock } from "./cause.js";
import { followAddress } from "./address.js";
import { pageModel } from "./page.js";
import { followNotebook } from "./cell.js";

const [FIRST_SLICE_MS, SLICE_MS, FIRST_ROWS] = [10, 80, 50];

class View {
  constructor(model, root) {
    Object.assign(this, { model, root, specs: model.get("specs"), pendingDraws: 0 });
    this.build();
    this.observe();
  }

  get state() {
    return this.unsaved ?? this.model.get("state") ?? {};
  }

  setState(change) {
    const merged = Object.entries({ ...this.state, ...change });
    const state = merged.filter(([, value]) => value !== null && value !== undefined && value.length !== 0);
    this.unsaved = Object.fromEntries(state);
    this.schedule();
    // The screen comes first, because every message to the kernel keeps JupyterLab busy.
    afterPaint(() => this.save());
  }

  /** Not earlier: the kernel's answer to an older state would replace one that is set but not sent yet. */
  save() {
    if (!this.unsaved) return;
    [this.saved, this.unsaved] = [this.unsaved, null];
    this.model.set("state", this.saved);
    this.model.save_changes();
  }

  /** A bar or a value was picked: filter by all its columns, or remove these filters if it was picked before
      and no other picked bar needs them. */
  pick(by, key) {
    const picked = this.picked(by, key);
    const id = JSON.stringify(key);
    const others = picked ? this.charts.keys(by).filter((one) => JSON.stringify(one) !== id && this.picked(by, one)) : [];
    const change = by.map((column, place) => {
      const needed = (value) => others.some((one) => one[place] === value);
      const rest = (this.state[column] ?? []).filter((value) => value !== key[place] || needed(value));
      return [column, picked ? rest : [...rest, key[place]]];
    });
    this.setState(Object.fromEntries(change));
  }

  picked(by, key) {
    return key.length > 0 && by.every((column, place) => this.state[column]?.includes(key[place]));
  }

  // --- the elements ---------------------------------------------------------------------------

  build() {
    this.root.classList.add("boxdocgen");
    this.verdict = new VerdictLine(this.model);
    this.progress = new ProgressLine(this.model);
    this.cause = new CauseBlock(this.model);
    this.shown = element("span", { class: "jobs-shown", role: "status" });
    this.message = element("span", { class: "message", role: "status" });
    this.empty = element("p", { class: "empty", hidden: "" });
    this.sidebar = new Sidebar(this.specs, {
      label: (key, value) => this.label(key, value),
      onChange: (change) => this.setState(change),
      onToggle: (key, value) => this.pick([key], [value]),
    });
    this.charts = new Charts(this.specs, {
      onPick: (by, key) => this.pick(by, key),
      onBrush: (created) => this.setState({ created }),
      onCompare: (change) => this.setState(change),
    });
    this.table = new Table({
      onSort: (sort) => this.setState({ sort }),
      onWidths: (widths) => this.setState({ widths }),
      onCopy: (text) => this.copy(text, `Copied ${text}.`),
    });
    this.columnChoice = new ColumnChoice((columns) => this.setState({ columns }));
    this.body = element("div", { class: "boxdocgen-body" });
    const buttons = [...actions(this, (...what) => this.copy(...what)), this.columnChoice.root, fullScreen(this.body)];
    // The message comes last, so that buttons do not move under the pointer.
    const bar = element("div", { class: "bar" }, [this.shown, this.sidebar.chips, ...buttons, this.message]);
    this.body.append(this.sidebar.root, this.charts.root, bar, this.empty, this.table.root);
    this.root.replaceChildren(this.verdict.root, this.progress.root, this.cause.root, this.body);
  }

  async copy(text, message) {
    await copy(text);
    this.say(message);
  }

  say(message) {
    this.message.textContent = message;
    clearTimeout(this.messageTimer);
    this.messageTimer = setTimeout(() => (this.message.textContent = ""), 6000);
  }

  // --- changes --------------------------------------------------------------------------------

  observe() {
    const { model } = this;
    this.listeners = {
      "change:payload": () => this.load(),
      "change:state": () => model.get("state") === this.saved || this.schedule(),
      "change:templates": () => this.load(),
      // Jobs that are being unpacked will be drawn with the labels; earlier jobs may lack one.
      "change:batch_labels": () => queueMicrotask(() => this.turn || this.load()),
      "change:verdict": () => this.verdict.draw(),
      "change:notice": () => this.verdict.draw(),
      "change:loading": () => this.frame && this.drawEmpty(),
      "change:watching": () => this.progress.draw(),
      "change:cause": () => this.cause.draw(),
      "msg:custom": (content, buffers) => receiveFile(this, content, buffers),
    };
    for (const [name, listener] of Object.entries(this.listeners)) model.on(name, listener);
    this.resizes = new ResizeObserver(() => {
      // Not here: drawing may resize observed elements.
      if (this.width !== this.body.clientWidth) requestAnimationFrame(() => this.schedule());
      this.width = this.body.clientWidth;
      this.sidebar.fit(this.width);
    });
    this.resizes.observe(this.body);
    this.themes = new MutationObserver(() => this.schedule());
    this.themes.observe(document.body, { attributes: true });
    this.clock = setInterval(() => this.tick(), 30_000);
  }

  tick() {
    this.verdict.drawAge();
    this.progress.draw();
  }

  remove() {
    for (const [name, listener] of Object.entries(this.listeners)) this.model.off(name, listener);
    clearInterval(this.clock);
    for (const observer of [this.resizes, this.themes, this.table.observer]) observer.disconnect();
    this.charts.remove();
  }

  async load() {
    this.busy(1);
    const turn = (this.turn = Symbol("turn"));
    const frame = await unpack(this.model.get("payload"));
    if (turn !== this.turn) return this.busy(-1);
    Object.assign(this, { frame, turn: null });
    const names = this.model.get("templates") ?? {};
    this.templates = disambiguate(Object.entries(names));
    this.filters = new Filters(frame, names);
    this.charts.bars = new Map();
    this.sortKey = null;
    this.body.classList.toggle("no-jobs", frame.jobs === 0);
    this.sidebar.show(frame);
    await this.draw();
    this.busy(-1);
  }

  /** Draw once between two frames, however many changes there are. */
  schedule() {
    if (this.scheduled || !this.frame) return;
    this.scheduled = true;
    this.busy(1);
    const draw = async () => {
      this.scheduled = false;
      this.unpainted = true;
      afterPaint(() => (this.unpainted = false));
      await this.draw().finally(() => this.busy(-1));
    };
    if (this.unpainted) afterPaint(draw);
    else queueMicrotask(draw);
  }

  /** Tell screen readers and tests whether the screen is up to date. */
  busy(step) {
    this.pendingDraws += step;
    this.body.setAttribute("aria-busy", String(this.pendingDraws > 0));
  }

  /** The only place that paints: filter, then charts, verdict, sidebar and table. */
  async draw() {
    const { frame, filters, state } = this;
    const columnsKey = JSON.stringify([state.columns, state.widths]);
    const sortKey = JSON.stringify(state.sort ?? null);
    if (this.sortKey !== sortKey) this.order = sortedJobs(frame, state.sort, this.specs.statuses);
    const turn = (this.drawing = Symbol("turn"));
    if (!(await this.search(turn))) return;
    const renderKey = JSON.stringify([...filters.applied, sortKey]);
    const sameRows = this.renderKey === renderKey;
    const changed = !sameRows || this.drawnFrame !== frame;
    const drawTable = changed || this.columnsKey !== columnsKey;
    Object.assign(this, { sortKey, renderKey, columnsKey, drawnFrame: frame });
    if (changed) this.jobs = filters.shown(this.order);
    // Charts first: measuring their space and colours is cheap before anything changes.
    const figures = this.charts.draw(this);
    this.verdict.draw();
    this.progress.draw();
    this.drawEmpty();
    this.sidebar.draw(this.state, filters); // keeps text typed during the search
    if (drawTable) this.table.show(frame, this.jobs, state.sort, this, sameRows);
    this.columnChoice.draw(frame, this.table.columns);
    await figures;
  }

  /** Search for some milliseconds between two frames, the rows on top first; false once this was abandoned
      for a newer change. No number is shown before it is final. */
  async search(turn) {
    const { filters, state } = this;
    let [end, looked] = [performance.now() + FIRST_SLICE_MS, false];
    for (const fits of filters.steps(state)) {
      if (performance.now() < end) continue;
      const first = fits && !looked ? filters.first(this.order, fits, FIRST_ROWS, FIRST_SLICE_MS) : [];
      if (looked || first.length) {
        this.drawFirst(first);
        this.shown.textContent = "Searching…";
        await new Promise(afterPaint);
        if (turn !== this.drawing) return false;
      }
      looked ||= fits !== null;
      end = performance.now() + SLICE_MS;
    }
    return true;
  }

  drawFirst(jobs) {
    if (!jobs.length) return;
    this.renderKey = null; // draw all rows again, even if the search is abandoned
    this.empty.hidden = true;
    this.table.root.hidden = false;
    this.table.show(this.frame, jobs, this.state.sort, this, false);
  }

  drawEmpty() {
    const { jobs } = this.frame;
    this.empty.hidden = jobs > 0 && this.jobs.length > 0;
    this.table.root.hidden = !this.empty.hidden;
    const active = this.sidebar.active(this.state).map(({ text }) => text);
    this.empty.textContent = jobs === 0 ? this.whyNoJobs() : `No job matches the filters: ${active.join(" · ")}`;
    this.shown.textContent = `${number(this.jobs.length)} of ${number(jobs)} jobs`;
  }

  whyNoJobs() {
    const verdict = this.model.get("verdict");
    if (this.model.get("loading")) return "Loading jobs…";
    if (!verdict) return "No jobs are loaded yet.";
    if (verdict.complete === null) return "The jobs frame is empty.";
    return verdict.complete ? "All pages were read: they contain no jobs." : "No jobs were read before the reading stopped.";
  }

  label(key, value) {
    if (value === null) return NONE;
    if (key === "batch_id") return this.batchLabel(value);
    return key === "template_file_id" ? this.templates.get(value) ?? value : value;
  }

  /** Name a batch with its id, because names are not unique, and mark it if it is incomplete. */
  batchLabel(id) {
    const labels = this.model.get("batch_labels") ?? {};
    const partly = this.model.get("verdict")?.incomplete_batches?.includes(id) ? ["partly read"] : [];
    return [...partly, ...(Object.hasOwn(labels, id) ? [labels[id]] : []), id].join(" · ");
  }
}

/** Draw the view from the page itself; the address of the page has its state. */
export async function mountPage(page) {
  const [root, settings, payload] = ["", "-settings", "-payload"].map((part) => page.getElementById(`boxdocgen${part}`));
  await mount(root, JSON.parse(settings.textContent), payload.textContent, followAddress);
}

/** Draw a view into this element; the payload is in base64. */
export async function mount(root, values, payload, follow = () => {}) {
  const model = pageModel(values, payload);
  follow(model, root);
  await new View(model, root).load();
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    el.addEventListener("keydown", keepFromJupyter);
    const unfollow = followNotebook(model, el);
    view.load();
    model.send({ event: "rendered" });
    return () => (unfollow(), view.remove());
  },
};
