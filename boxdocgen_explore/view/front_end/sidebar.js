// The rail: what can be filtered by, with counts; and the chips, which name what is filtered.

import { element, number } from "./dom.js";
import { colour } from "./table.js";

export const NONE = "(none)";
const FACETS = [
  { key: "status", title: "Status" },
  { key: "output_type", title: "Output type" },
  { key: "template_file_id", title: "Template" },
];
const WORDS = {
  status: "status",
  output_type: "output type",
  template_file_id: "template",
  template_file_version_id: "version",
  batch_id: "batch",
  reason: "reason",
  day: "day",
};

export class Rail {
  /** `onChange` is told what changes in the state, `onToggle` a key and a value to put in or out. */
  constructor(specs, { label, onChange, onToggle }) {
    Object.assign(this, { specs, label, onChange, onToggle });
    this.search = element("input", { type: "search", "aria-label": "Search errors", placeholder: "Search errors" });
    this.search.oninput = () => onChange({ text: this.search.value });
    this.clear = element("button", { type: "button", class: "clear" }, "Clear filters");
    this.clear.onclick = () => onChange({ ...Object.fromEntries(Object.keys(WORDS).map((key) => [key, null])), text: null });
    this.facets = FACETS.map(({ key, title }) => {
      const boxes = element("div", { class: "boxes" });
      const group = element("fieldset", {}, [element("legend", {}, title), boxes]);
      return { key, group, boxes, lines: [] };
    });
    this.root = element("div", { class: "rail" }, [...this.facets.map(({ group }) => group), this.search, this.clear]);
    this.chips = element("div", { class: "chips" });
  }

  /** Offer the values of these jobs. */
  show(frame) {
    for (const facet of this.facets) {
      const { key } = facet;
      const column = frame.columns.get(key);
      facet.group.hidden = !column;
      const codes = column ? this.order(key, column.values) : [];
      facet.lines = codes.map((code) => this.line(key, column.values[code], code));
      facet.boxes.replaceChildren(...facet.lines.map(({ line }) => line));
    }
  }

  order(key, values) {
    const { statuses } = this.specs;
    const rank = (value) => (statuses.includes(value) ? statuses.indexOf(value) : statuses.length);
    const label = (code) => this.label(key, values[code]);
    const codes = values.map((_, code) => code);
    return codes.sort((a, b) => rank(values[a]) - rank(values[b]) || (label(a) < label(b) ? -1 : 1));
  }

  line(key, value, code) {
    const input = element("input", { type: "checkbox" });
    input.onchange = () => this.onToggle(key, value);
    const count = element("span", { class: "count" });
    const parts = [input, element("span", { class: "name" }, breakable(this.label(key, value)))];
    let title = value ?? NONE;
    if (key === "status") {
      const dot = element("span", { class: "dot", "aria-hidden": "true" });
      dot.style.background = colour(this.specs, value);
      parts.splice(1, 0, dot);
      if (Object.hasOwn(this.specs.meanings, value)) title = this.specs.meanings[value];
    }
    const line = element("div", { class: "box", title }, [element("label", {}, parts), count]);
    return { line, input, count, value, code };
  }

  draw(state, filters) {
    for (const { key, lines } of this.facets) {
      if (!lines.length) continue;
      const counts = filters.countsWithoutOwn(key);
      for (const { line, input, count, value, code } of lines) {
        input.checked = state[key]?.includes(value) ?? false;
        const text = number(counts[code]);
        if (count.textContent !== text) count.textContent = text;
        line.classList.toggle("none", counts[code] === 0);
      }
    }
    if (this.search.value !== (state.text ?? "")) this.search.value = state.text ?? "";
    const active = this.active(state);
    this.clear.disabled = active.length === 0;
    this.chips.replaceChildren(...active.map(chip));
  }

  /** Name what is filtered by, and how to stop it. */
  active(state) {
    const active = Object.keys(WORDS).flatMap((key) =>
      (state[key] ?? []).map((value) => ({
        text: `${WORDS[key]} ${this.label(key, value)}`,
        remove: () => this.onToggle(key, value),
      })),
    );
    if (state.text) {
      active.push({ text: `errors with “${state.text}”`, remove: () => this.onChange({ text: null }) });
    }
    return active;
  }
}

function chip({ text, remove }) {
  const cross = element("span", { "aria-hidden": "true" }, " ✕");
  const button = element("button", { type: "button", class: "chip", "aria-label": `Remove filter ${text}` }, [text, cross]);
  button.onclick = remove;
  return button;
}

/** Let a line end after an underscore, as in the charts, before it ends inside of a word. */
function breakable(text) {
  return text.split(/(?<=_)/).flatMap((part, place) => (place ? [element("wbr"), part] : [part]));
}
