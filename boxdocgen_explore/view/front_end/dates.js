// The days of the jobs shown (UTC): two fields, and a brush over the chart "Jobs over time".

import { element } from "./dom.js";

const LEAST_DRAG_PX = 5;

export class Dates {
  /** `onChange` gets changes of the state. */
  constructor(onChange) {
    this.fields = ["From", "To"].map((name) => element("input", { type: "date", "aria-label": name, title: name }));
    for (const field of this.fields) field.onchange = () => this.change(field, onChange);
    const [from, to] = this.fields;
    this.interval = element("div", {}, [from, "–", to]);
    this.oneDay = element("div");
    this.root = element("fieldset", { class: "dates" }, [element("legend", {}, "Created (UTC)"), this.interval, this.oneDay]);
  }

  /** Offer the days of these jobs. */
  show(frame) {
    const days = (frame.columns.get("day")?.values ?? []).filter(Boolean).sort();
    this.range = [days[0], days.at(-1)];
    this.root.hidden = days.length === 0;
    this.interval.hidden = days.length < 2;
    this.oneDay.textContent = days.length === 1 ? `Only on ${days[0]}` : "";
    for (const field of this.fields) [field.min, field.max] = this.interval.hidden ? ["", ""] : this.range;
  }

  draw({ created }) {
    this.fields.forEach((field, place) => {
      const day = created?.[place] ?? "";
      if (field.value !== day) field.value = day;
    });
  }

  /** While a date is being typed, it may be invalid or out of range, and nothing changes. If the other one is,
      the interval is open at that end. */
  change(field, onChange) {
    if (!field.validity.valid) return;
    const days = this.fields.map(({ value, validity }) => (validity.valid ? value : ""));
    onChange({ created: days.some(Boolean) ? days.map((day, place) => day || this.range[place]).sort() : null });
  }
}

/** Make the columns of a chart draggable; `onBrush` gets the keys of the first and the last. */
export class Brush {
  constructor(chart, onBrush) {
    Object.assign(this, { chart, onBrush, from: null, keys: [], band: element("div", { class: "band", hidden: "" }) });
    chart.classList.add("brushed");
    chart.addEventListener("pointerdown", (event) => event.isPrimary && (this.from = event.clientX));
    chart.addEventListener("pointermove", (event) => this.move(event));
    chart.addEventListener("pointerup", () => this.end());
    chart.addEventListener("pointercancel", () => this.end([]));
  }

  move({ clientX, pointerId, buttons }) {
    if (this.from === null || !buttons) return void (this.from = null);
    if (this.band.hidden && Math.abs(clientX - this.from) < LEAST_DRAG_PX) return;
    // From here on the chart gets all events, so that the end of the drag does not click a column.
    this.chart.setPointerCapture(pointerId);
    const [left, right] = [this.from, clientX].sort((a, b) => a - b);
    const columns = [...this.chart.querySelectorAll(".rows_marks path")];
    const under = columns.map((one) => one.getBoundingClientRect()).map((box) => box.right >= left && box.left <= right);
    this.keys = columns.filter((_, place) => under[place]).map((one) => one.__data__.datum.key[0]).sort();
    const start = this.band.offsetParent?.getBoundingClientRect().left ?? this.chart.getBoundingClientRect().left;
    Object.assign(this.band.style, { left: `${left - start}px`, width: `${right - left}px` });
    this.band.hidden = false;
  }

  end(keys = this.keys) {
    Object.assign(this, { from: null, keys: [] });
    this.band.hidden = true;
    if (keys.length) this.onBrush([keys[0], keys.at(-1)]);
  }
}
