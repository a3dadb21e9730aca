// The view: verdict, filters, charts and table over one payload, with a kernel and without one.
// It draws what `model` holds (payload, specs, templates, verdict, state, notice) and changes
// nothing but `state`; every change of it, from here or from Python, ends in `draw`.

import { afterPaint, copy, download, element, number } from "./dom.js";
import { csv, sortedJobs, unpack } from "./columns.js";
import { Filters, Groups } from "./filters.js";
import { Figure } from "./figures.js";
import { Table } from "./table.js";
import { NONE, Rail } from "./sidebar.js";
import { VerdictLine } from "./verdict.js";
import { pageModel } from "./page.js";

class View {
  constructor(model, root) {
    Object.assign(this, { model, root, specs: model.get("specs") });
    this.build();
    this.observe();
  }

  get state() {
    return this.model.get("state") ?? {};
  }

  setState(change) {
    const merged = Object.entries({ ...this.state, ...change });
    const state = merged.filter(([, value]) => value !== null && value !== undefined && value.length !== 0);
    this.model.set("state", Object.fromEntries(state));
    // What is on the screen comes first: JupyterLab answers a message to the kernel with work.
    afterPaint(() => this.model.save_changes());
  }

  toggle(key, value) {
    const values = this.state[key] ?? [];
    const rest = values.filter((other) => other !== value);
    this.setState({ [key]: rest.length < values.length ? rest : [...values, value] });
  }

  /** A mark was picked: all its columns go into the state, or out of it if all were in. */
  pick(by, key) {
    const change = {};
    const picked = this.picked(by, key);
    by.forEach((column, place) => {
      const rest = (this.state[column] ?? []).filter((value) => value !== key[place]);
      change[column] = picked ? rest : [...rest, key[place]];
    });
    this.setState(change);
  }

  picked(by, key) {
    return key.length > 0 && by.every((column, place) => this.state[column]?.includes(key[place]));
  }

  // --- the elements ---------------------------------------------------------------------------

  build() {
    this.root.classList.add("boxdocgen");
    this.verdict = new VerdictLine(this.model);
    this.shown = element("span", { class: "jobs-shown", role: "status" });
    this.said = element("span", { class: "said", role: "status" });
    this.empty = element("p", { class: "empty", hidden: "" });
    this.rail = new Rail(this.specs, {
      label: (key, value) => this.label(key, value),
      onChange: (change) => this.setState(change),
      onToggle: (key, value) => this.toggle(key, value),
    });
    this.figures = this.specs.figures.map((figure) => new Figure(figure, (key) => this.pick(figure.by, key)));
    this.table = new Table({
      onSort: (sort) => this.setState({ sort }),
      onCopy: (text) => this.tell(copy(text), `Copied ${text}.`),
    });
    this.body = element("div", { class: "boxdocgen-body" }, [
      this.rail.root,
      element("div", { class: "figures" }, this.buildFigures()),
      element("div", { class: "bar" }, [this.shown, this.rail.chips, this.said, ...this.buildActions()]),
      this.empty,
      this.table.root,
    ]);
    this.root.replaceChildren(this.verdict.root, this.body);
  }

  buildFigures() {
    const compared = this.figures.filter(({ figure }) => figure.compare);
    const options = compared.map(({ figure }) => element("option", { value: figure.compare }, figure.compare));
    this.compare = element("select", { "aria-label": "Compare by" }, options);
    this.compare.onchange = () => this.setState({ compare_by: this.compare.value });
    const label = element("label", { class: "compare" }, ["Compare by ", this.compare]);
    const always = this.figures.filter(({ figure }) => !figure.compare);
    const comparison = element("div", { class: "comparison" }, [label, ...compared.map(({ root }) => root)]);
    return [...always.map(({ root }) => root), comparison];
  }

  buildActions() {
    const save = element("button", { type: "button" }, "Save CSV");
    save.onclick = () => download("jobs.csv", "text/csv;charset=utf-8", csv(this.frame, this.jobs));
    const query = element("button", { type: "button" }, "Copy query");
    query.onclick = () => this.tell(copy(this.query()), "Copied the query for these jobs.");
    return [save, query];
  }

  async tell(done, words) {
    await done;
    this.said.textContent = words;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.said.textContent = ""), 4000);
  }

  // --- changes --------------------------------------------------------------------------------

  observe() {
    const { model } = this;
    this.listeners = {
      "change:payload": () => this.load(),
      "change:state": () => this.schedule(),
      "change:templates": () => this.load(),
      "change:verdict": () => this.verdict.draw(),
      "change:notice": () => this.verdict.draw(),
    };
    for (const [name, listener] of Object.entries(this.listeners)) model.on(name, listener);
    this.resizes = new ResizeObserver(() => {
      // Not in here: what is drawn may resize what is observed.
      if (this.width !== this.body.clientWidth) requestAnimationFrame(() => this.schedule());
      this.width = this.body.clientWidth;
    });
    this.resizes.observe(this.body);
    this.themes = new MutationObserver(() => this.schedule());
    this.themes.observe(document.body, { attributes: true });
    this.darkness = matchMedia("(prefers-color-scheme: dark)");
    this.darkness.addEventListener("change", (this.onTheme = () => this.schedule()));
    this.clock = setInterval(() => this.verdict.drawAge(), 30_000);
  }

  remove() {
    for (const [name, listener] of Object.entries(this.listeners)) this.model.off(name, listener);
    this.darkness.removeEventListener("change", this.onTheme);
    clearInterval(this.clock);
    for (const observer of [this.resizes, this.themes, this.table.observer]) observer.disconnect();
    for (const figure of this.figures) figure.remove();
  }

  async load() {
    this.busy(1);
    const turn = (this.turn = Symbol("turn"));
    const frame = await unpack(this.model.get("payload"));
    if (turn !== this.turn) return this.busy(-1);
    this.frame = frame;
    this.templates = toldApart(Object.entries(this.model.get("templates") ?? {}));
    this.filters = new Filters(frame);
    this.groups = new Map();
    this.sorted = null;
    this.body.classList.toggle("no-jobs", frame.jobs === 0);
    this.rail.show(frame);
    await this.draw();
    this.busy(-1);
  }

  /** Draw at once, but only once between two frames, however many changes come in between. */
  schedule() {
    if (this.scheduled || !this.frame) return;
    this.scheduled = true;
    this.busy(1);
    const draw = async () => {
      this.scheduled = false;
      this.unpainted = true;
      afterPaint(() => (this.unpainted = false));
      await this.draw();
      this.busy(-1);
    };
    if (this.unpainted) afterPaint(draw);
    else queueMicrotask(draw);
  }

  /** Tell screen readers, and whoever waits, whether what is seen is what was asked for. */
  busy(step) {
    this.draws = (this.draws ?? 0) + step;
    this.body.setAttribute("aria-busy", String(this.draws > 0));
  }

  /** The one place that paints: filter, then verdict, rail, table and charts. */
  async draw() {
    const { frame, filters, state } = this;
    const sort = JSON.stringify(state.sort ?? null);
    if (this.sorted !== sort) this.order = sortedJobs(frame, state.sort, this.specs.statuses);
    this.sorted = sort;
    filters.apply(state);
    const look = JSON.stringify([...filters.applied, sort]);
    const stay = this.look === look;
    const changed = !stay || this.lookedAt !== frame;
    Object.assign(this, { look, lookedAt: frame });
    if (changed) this.jobs = filters.shown(this.order);
    // The charts ask for their room and colours: before anything else is changed, that is cheap.
    const figures = this.drawFigures();
    this.verdict.draw();
    this.drawEmpty();
    this.rail.draw(state, filters);
    if (changed) this.table.show(frame, this.jobs, state.sort, this, stay);
    await figures;
  }

  drawEmpty() {
    const { jobs } = this.frame;
    this.empty.hidden = jobs > 0 && this.jobs.length > 0;
    this.table.root.hidden = !this.empty.hidden;
    this.empty.textContent = jobs === 0
      ? this.whyNoJobs()
      : `No job matches ${this.rail.active(this.state).map(({ text }) => text).join(" and ")}.`;
    this.shown.textContent = `${number(this.jobs.length)} of ${number(jobs)} jobs`;
  }

  whyNoJobs() {
    const verdict = this.model.get("verdict");
    if (!verdict) return "There are no jobs here: nothing has been read yet.";
    if (verdict.complete === null) return "There are no jobs here: the frame is empty.";
    return verdict.complete ? "Read to the end: there are no jobs in it." : "No job had arrived when the reading stopped.";
  }

  label(key, value) {
    if (value === null) return NONE;
    return key === "template_file_id" ? this.templates.get(value) ?? value : value;
  }

  // --- the charts -----------------------------------------------------------------------------

  async drawFigures() {
    const { columns, jobs } = this.frame;
    const drawable = this.figures.filter(({ figure }) => [...figure.by, "status"].every((name) => columns.has(name)));
    const compared = drawable.filter(({ figure }) => figure.compare);
    const compare = this.state.compare_by ?? this.bestComparison(compared);
    this.compare.value = compare ?? "";
    for (const option of this.compare.options) {
      option.disabled = !compared.some(({ figure }) => figure.compare === option.value);
    }
    const theme = this.theme();
    const counts = { jobs_all: jobs, jobs_shown: this.jobs.length };
    const draws = this.figures.map((figure) => {
      const { by, compare: chosenBy, name } = figure.figure;
      figure.root.hidden = !drawable.includes(figure) || jobs === 0 || (chosenBy !== null && chosenBy !== compare);
      if (figure.root.hidden) return null;
      const rows = this.group(figure.figure).rows(this.filters, counts, (key) => this.barLabel(by, key));
      figure.root.hidden = rows.length === 0;
      const note = name === "reasons" ? this.sumNote(rows) : "";
      return figure.draw(rows, (key) => this.picked(by, key), theme, note);
    });
    await Promise.all(draws);
  }

  group(figure) {
    if (!this.groups.has(figure.name)) {
      this.groups.set(figure.name, new Groups(this.frame, figure, this.specs));
    }
    return this.groups.get(figure.name);
  }

  bestComparison(compared) {
    const several = compared.find(({ figure }) => this.group(figure).bars.length > 1);
    return (several ?? compared[0])?.figure.compare;
  }

  barLabel(by, key) {
    return key
      .map((value, place) => (place ? `version ${value ?? NONE}` : this.label(by[0], value)))
      .join(" · ");
  }

  /** Jobs may have several reasons: then the bars sum to more than the jobs, and say so. */
  sumNote(rows) {
    const sum = rows.reduce((total, { shown }) => total + shown, 0);
    const { values, codes } = this.frame.columns.get("reason");
    const jobs = this.filters.count((kind) => values[codes[kind]].length);
    return sum === jobs ? "" : `The bars sum to ${number(sum)}: ${number(jobs)} jobs, each counted once for each of its reasons.`;
  }

  theme() {
    const style = getComputedStyle(this.root);
    const ink = style.getPropertyValue("--boxdocgen-ink").trim();
    return { ink, ghost: style.getPropertyValue("--boxdocgen-ghost").trim() };
  }

  /** The same text as Python's `query_code`, from the same templates. */
  query() {
    const { query_code: code } = this.specs;
    const lines = Object.keys(code).filter((key) => this.state[key]?.length).map((key) => {
      if (key === "text") return code.text.replace("{text}", () => JSON.stringify(this.state.text.toLowerCase()));
      const values = this.state[key].map((value) => (value === null ? "None" : JSON.stringify(value)));
      const nulls = this.state[key].includes(null) ? ", nulls_equal=True" : "";
      return code[key].replace("{values}", () => `[${values.join(", ")}]${nulls}`);
    });
    return lines.length ? `jobs.filter(\n${lines.map((line) => `    ${line},\n`).join("")})` : "jobs";
  }
}

/** Several templates may have one name: then the id tells them apart. */
function toldApart(entries) {
  const uses = new Map();
  for (const [, name] of entries) uses.set(name, (uses.get(name) ?? 0) + 1);
  return new Map(entries.map(([id, name]) => [id, uses.get(name) > 1 ? `${name} (${id})` : name]));
}

/** Draw the view from what the page itself holds. */
export async function mountPage(page) {
  await new View(pageModel(page), page.getElementById("boxdocgen")).load();
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    view.load();
    model.send({ event: "rendered" });
    return () => view.remove();
  },
};
