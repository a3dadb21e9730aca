// The charts: specs from Python with small counts as data. Clicks and keys do the same.

import { Brush } from "./dates.js";
import { element } from "./dom.js";
import vegaEmbed from "vega-embed";

export class Figure {
  /** `onPick` gets the key of a bar; `onBrush` makes the bars draggable. */
  constructor(figure, onPick, onBrush) {
    Object.assign(this, { figure, onPick, queue: Promise.resolve() });
    this.note = element("span", { class: "note" });
    this.chart = element("div", { class: "chart" });
    this.tip = element("div", { class: "tip", hidden: "" });
    this.root = element("figure", { "aria-label": figure.title, class: `figure-${figure.name}` }, [
      element("figcaption", {}, [figure.title, this.note]),
      this.chart,
      this.tip,
    ]);
    if (onBrush) this.root.append(new Brush(this.chart, onBrush).band);
    this.chart.addEventListener("keydown", (event) => this.key(event));
    this.chart.addEventListener("pointermove", (event) => this.showTip(event));
    this.chart.addEventListener("pointerleave", () => (this.tip.hidden = true));
  }

  /** Draw these rows; of several waiting calls, only the last one is drawn. */
  draw(rows, picked, theme, note = "") {
    Object.assign(this, { rows, picked, theme, width: Math.floor(this.chart.clientWidth) });
    this.note.textContent = note;
    const turn = (this.turn = Symbol("turn"));
    const drawn = this.queue.then(() => (turn === this.turn && !this.gone ? this.run() : null));
    this.queue = drawn.catch(() => {}); // after a failure, the next call draws again
    return drawn;
  }

  async run() {
    const { width } = this;
    if (!width) return;
    this.view ??= await this.embed(width);
    const { view } = this;
    if (this.gone) return void view.finalize();
    for (const [signal, value] of Object.entries({ width, ...this.theme })) view.signal(signal, value);
    const focused = this.chart.contains(document.activeElement);
    // Without resize(), the view keeps the size of earlier rows and clips others; with it, Vega does
    // all work twice. Filters do not move bars.
    const layoutKey = JSON.stringify([width, this.rows.map(({ label, all }) => [label, all])]);
    if (layoutKey !== this.layoutKey) view.resize();
    this.layoutKey = layoutKey;
    await view.data("counts", this.rows).runAsync();
    this.makeButtons();
    if (focused) this.buttons[this.active]?.focus();
  }

  async embed(width) {
    // A copy, because Vega writes to the given rows, and the first rows are used again.
    const spec = { ...this.figure.spec, width, datasets: { counts: structuredClone(this.rows) } };
    const { view } = await vegaEmbed(this.chart, spec, {
      mode: "vega-lite",
      renderer: "svg",
      actions: false,
      ast: true,
      defaultStyle: false,
      tooltip: false,
    });
    if (!this.figure.of_documents) {
      view.addEventListener("click", (_, item) => item?.datum?.key?.length && this.onPick(item.datum.key));
    }
    return view;
  }

  /** The layer "rows" has one invisible mark over each row of the chart: make it a button. */
  makeButtons() {
    this.buttons = [...this.chart.querySelectorAll(".rows_marks path")];
    this.active = Math.min(this.active ?? 0, Math.max(0, this.buttons.length - 1));
    this.buttons.forEach((button, place) => {
      const { key } = button.__data__.datum;
      button.setAttribute("role", this.figure.of_documents ? "img" : "button");
      button.removeAttribute("aria-roledescription");
      button.setAttribute("tabindex", place === this.active ? "0" : "-1");
      if (!this.figure.of_documents) button.setAttribute("aria-pressed", String(this.picked(key)));
      button.onfocus = () => this.focus(place);
    });
  }

  focus(place) {
    this.buttons[this.active]?.setAttribute("tabindex", "-1");
    this.active = place;
    this.buttons[place].setAttribute("tabindex", "0");
  }

  key(event) {
    const place = this.buttons?.indexOf(event.target) ?? -1;
    if (place < 0) return;
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const { key } = event.target.__data__.datum;
    if (step) this.buttons[place + step]?.focus();
    else if (this.figure.of_documents || (event.key !== "Enter" && event.key !== " ")) return;
    else if (key?.length) this.onPick(key);
    event.preventDefault();
  }

  /** Show the numbers of the piece under the pointer, otherwise of its bar. */
  showTip(event) {
    const under = document.elementsFromPoint(event.clientX, event.clientY);
    const marks = under.filter((mark) => this.chart.contains(mark) && mark.ariaLabel);
    const mark = marks.find((one) => one.closest(".bars_marks")) ?? marks[0];
    this.tip.hidden = !mark;
    if (!mark) return;
    this.tip.textContent = mark.ariaLabel;
    const box = this.root.getBoundingClientRect();
    const left = Math.min(event.clientX - box.left + 12, box.width - this.tip.offsetWidth);
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${event.clientY - box.top + 16}px`;
  }

  remove() {
    this.gone = true;
    this.view?.finalize();
    this.root.remove();
  }
}
