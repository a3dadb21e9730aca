// The charts of the view: the visible ones, what they compare, and their notes.

import { button, element, number } from "./dom.js";
import { barLabel, Bars, reasonsNote } from "./bars.js";
import { durationsNote, intervalNote } from "./durations.js";
import { Figure } from "./figures.js";

export class Charts {
  /** `onPick` gets the columns and the key of a bar, `onBrush` the first and the last day of several,
      `onCompare` a change of what is compared. */
  constructor(specs, { onPick, onBrush, onCompare }) {
    Object.assign(this, { statuses: specs.statuses, bars: new Map() });
    this.figures = specs.figures.map(
      (figure) => new Figure(figure, (key) => onPick(figure.by, key), figure.name === "over_time" ? onBrush : null),
    );
    const compared = this.figures.filter(({ figure }) => figure.compare);
    const options = compared.map(({ figure }) => element("option", { value: figure.compare }, figure.compare));
    this.compare = element("select", { "aria-label": "Compare by" }, options);
    this.compare.onchange = () => onCompare({ compare_by: this.compare.value });
    this.measures = ["Count", "Share"].map((name) => button({}, name, () => onCompare({ measure: name.toLowerCase() })));
    const label = element("div", { class: "compare" }, [
      element("label", {}, ["Compare by ", this.compare]),
      element("span", { role: "group", "aria-label": "Measure" }, this.measures),
    ]);
    const always = this.figures.filter(({ figure }) => !figure.compare);
    const comparison = element("div", { class: "comparison" }, [label, ...compared.map(({ root }) => root)]);
    this.root = element("div", { class: "figures" }, [...always.map(({ root }) => root), comparison]);
  }

  /** Draw the charts for which the jobs have the columns. */
  async draw(view) {
    const { columns, jobs } = view.frame;
    this.frame = view.frame;
    const drawable = this.figures.filter(({ figure }) => [...figure.by, "status"].every((name) => columns.has(name)));
    const compared = drawable.filter(({ figure }) => figure.compare);
    const chosen = compared.some(({ figure }) => figure.compare === view.state.compare_by);
    const compare = chosen ? view.state.compare_by : this.bestComparison(compared);
    this.compare.value = compare ?? "";
    for (const option of this.compare.options) {
      option.disabled = !compared.some(({ figure }) => figure.compare === option.value);
    }
    const share = view.state.measure === "share";
    this.measures.forEach((one, place) => one.setAttribute("aria-pressed", String(share === (place === 1))));
    const theme = themeOf(view.root);
    const totals = { jobs_all: jobs, jobs_shown: view.jobs.length };
    const draws = this.figures.map((figure) => {
      const { by, compare: chosenBy, name } = figure.figure;
      figure.root.hidden = !drawable.includes(figure) || jobs === 0 || (chosenBy !== null && chosenBy !== compare);
      if (figure.root.hidden) return null;
      const label = (key) => barLabel(key, (value) => view.label(by[0], value));
      const rows = this.barsOf(figure.figure).rows(view.filters, totals, label);
      figure.root.hidden = rows.length === 0;
      const signals = { ...theme, share: share && chosenBy !== null };
      return figure.draw(rows, (key) => view.picked(by, key), signals, note(figure.figure, rows, view));
    });
    await Promise.all(draws);
  }

  /** The keys of the bars of a chart of several columns. */
  keys(by) {
    const figure = by.length > 1 && this.figures.find((one) => one.figure.by.join() === by.join());
    return figure ? this.barsOf(figure.figure).bars.map(({ key }) => key) : [];
  }

  barsOf(figure) {
    if (!this.bars.has(figure.name)) this.bars.set(figure.name, new Bars(this.frame, figure, this.statuses));
    return this.bars.get(figure.name);
  }

  bestComparison(compared) {
    const several = compared.find(({ figure }) => this.barsOf(figure).bars.length > 1);
    return (several ?? compared[0])?.figure.compare;
  }

  remove() {
    for (const figure of this.figures) figure.remove();
  }
}

function note({ name, by_status: stacked }, rows, view) {
  if (name === "over_time") return "UTC. Drag over days to filter";
  if (name === "documents_over_time") return intervalNote(rows[0]?.key[0]);
  if (stacked || !rows.length) return "";
  const [{ jobs_shown: jobs, jobs_all: all }] = rows;
  const base = `% of ${number(jobs)} ${jobs === 1 ? "job" : "jobs"}${jobs === all ? "" : " shown"}`;
  const more = { reasons: () => reasonsNote(rows, view), by_duration: () => durationsNote(view.frame, view.jobs, view.templates) };
  return [base, more[name]?.()].filter(Boolean).join(". ");
}

function themeOf(root) {
  const style = getComputedStyle(root);
  const colour = (name) => style.getPropertyValue(`--boxdocgen-${name}`).trim();
  return { ink: colour("ink"), ghost: colour("ghost") };
}
