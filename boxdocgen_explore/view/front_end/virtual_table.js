// A table that keeps only the visible rows in the document.

import { button, element } from "./dom.js";

export const ROW_PX = 26;
const SPARE_ROWS = 6;
// Browsers fail on elements of tens of millions of pixels; above this, scrolling is scaled.
const MOST_PX = 12_000_000;

/** Subclasses implement `row(place)`; an `open` row is followed by its `details(place)`. */
export class VirtualTable {
  constructor(name, kind) {
    Object.assign(this, { count: 0, active: 0, open: -1, openPx: 0, top: 0, px: 0 });
    this.head = element("tr", { "aria-rowindex": "1" });
    this.body = element("tbody");
    this.table = element("table", { "aria-label": name }, [element("thead", {}, this.head), this.body]);
    this.root = element("div", { class: `virtual-table ${kind}` }, this.table);
    // Sideways, as to a focused button, the rows stay: drawing them again would move the focus.
    this.root.addEventListener("scroll", () => this.root.scrollTop !== this.top && this.measureAndDraw(), { passive: true });
    this.observer = new ResizeObserver(() => this.measureAndDraw());
    this.observer.observe(this.root);
  }

  /** Draw this number of rows. */
  setCount(count) {
    this.count = count;
    this.active = Math.min(this.active, Math.max(0, count - 1));
    this.table.setAttribute("aria-rowcount", String(count + 1));
    this.draw();
  }

  /** Measure before drawing: measuring while drawing would lay out the page twice. */
  measureAndDraw() {
    Object.assign(this, { top: this.root.scrollTop, px: this.root.clientHeight });
    this.draw();
  }

  drawHead(columns, [sorted, direction]) {
    const focused = [...this.head.children].findIndex((th) => th.contains(document.activeElement));
    this.head.replaceChildren(
      ...columns.map(({ name, title, unsorted }) => {
        const attributes = { scope: "col", class: `column-${name}` };
        if (unsorted) return element("th", attributes, element("span", { class: "unseen" }, title));
        const next = name === sorted && direction === "ascending" ? "descending" : "ascending";
        if (name === sorted) attributes["aria-sort"] = direction;
        return element("th", attributes, button({}, title, () => this.onSort([name, next])));
      }),
    );
    this.head.children[focused]?.querySelector("button").focus();
  }

  /** Put the visible rows between two spacers. */
  draw() {
    const { first, last, top, rows: rowsPx } = this.range();
    const focused = this.body.contains(document.activeElement);
    // The focused row stays in the document, even if it is scrolled out of sight.
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

  /** Scroll down to the end of the open details, as far as their row stays in sight. */
  showDetails() {
    const details = this.body.querySelector(".details");
    if (!details) return;
    const [{ top, bottom }, sight] = [details.getBoundingClientRect(), this.root.getBoundingClientRect()];
    const room = top - 2 * ROW_PX - this.head.offsetHeight - sight.top;
    this.root.scrollTop += Math.max(0, Math.min(bottom - sight.bottom, room));
    this.measureAndDraw();
  }

  focusRow() {
    this.body.querySelector('tr[tabindex="0"]')?.focus({ preventScroll: true });
  }

  /** The visible rows, and the position of the first one. */
  range() {
    const { count, top: scrollTop, px: clientHeight } = this;
    const sight = Math.ceil(clientHeight / ROW_PX);
    const extra = this.open < 0 ? 0 : this.openPx;
    const rows = Math.min(count * ROW_PX, MOST_PX);
    if (count * ROW_PX > MOST_PX) {
      const share = scrollTop / Math.max(1, rows + extra - clientHeight);
      const first = Math.max(0, Math.round(share * (count - sight + 2)));
      return { first, last: Math.min(count, first + sight), top: scrollTop, rows };
    }
    const over = this.open >= 0 && scrollTop > (this.open + 1) * ROW_PX;
    const from = Math.floor((scrollTop - (over ? extra : 0)) / ROW_PX) - SPARE_ROWS;
    const first = Math.max(0, from);
    const top = first * ROW_PX + (this.open >= 0 && first > this.open ? extra : 0);
    return { first, last: Math.min(count, from + sight + 2 * SPARE_ROWS), top, rows };
  }

  /** The row that a key leads to, or undefined. */
  placeAfter(key) {
    const page = Math.floor(this.root.clientHeight / ROW_PX) - 2;
    const end = this.count - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -end, End: end };
    return key in steps ? Math.max(0, Math.min(end, this.active + steps[key])) : undefined;
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
    if (this.count * ROW_PX > MOST_PX) {
      const total = MOST_PX + (this.open < 0 ? 0 : this.openPx);
      this.root.scrollTop = (place / this.count) * (total - clientHeight);
      return;
    }
    const top = place * ROW_PX + (this.open >= 0 && place > this.open ? this.openPx : 0);
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top > this.root.scrollTop + sight) this.root.scrollTop = top - sight;
  }
}

function spacer(px) {
  const row = element("tr", { "aria-hidden": "true", class: "spacer" });
  row.style.height = `${px}px`;
  return row;
}
