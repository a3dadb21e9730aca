// The sidebar: filters with counts, and chips for the active filters.

import { NONE } from "./bars.js";
import { byStatus } from "./columns.js";
import { Dates } from "./dates.js";
import { button, element, number, statusDot } from "./dom.js";

const NARROW_PX = 640; // as in view.css
const GROUPS = [
  { key: "status", title: "Status" },
  { key: "batch_id", title: "Batch" },
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

export class Sidebar {
  /** `onChange` gets changes of the state, `onToggle` a key and a value to toggle. */
  constructor(specs, { label, onChange, onToggle }) {
    Object.assign(this, { specs, label, onChange, onToggle });
    this.search = element("input", { type: "search", "aria-label": "Search jobs", placeholder: "Search jobs: ids or words" });
    this.search.title = "Several ids find any of these jobs; other words must all occur.";
    this.search.oninput = () => onChange({ text: this.search.value });
    this.missing = element("div", { class: "missing", role: "status" });
    const nothing = Object.fromEntries(["text", "created", ...Object.keys(WORDS)].map((key) => [key, null]));
    this.clear = button({ class: "clear" }, "Clear filters", () => onChange(nothing));
    this.dates = new Dates(onChange);
    this.groups = GROUPS.map(({ key, title }) => {
      const boxes = element("div", { class: "boxes" });
      return { key, boxes, root: element("fieldset", {}, [element("legend", {}, title), boxes]), lines: [] };
    });
    const groups = [...this.groups.map(({ root }) => root), this.dates.root];
    this.fold = element("details", { class: "fold", open: "" }, [element("summary", {}, "Filters"), ...groups]);
    this.root = element("div", { class: "sidebar" }, [this.search, this.missing, this.clear, this.fold]);
    this.chips = element("div", { class: "chips" });
  }

  /** On narrow screens, charts come first and the filters are folded. */
  fit(width) {
    const narrow = width <= NARROW_PX;
    if (this.narrow !== narrow) this.fold.open = !narrow;
    this.narrow = narrow;
  }

  /** Offer the values of these jobs. */
  show(frame) {
    this.dates.show(frame);
    for (const group of this.groups) {
      const { key } = group;
      group.column = frame.columns.get(key);
      const values = group.column?.values ?? [];
      group.root.hidden = key === "batch_id" ? values.length < 2 : !group.column;
      group.lines = this.sorted(key, values).map((code) => this.line(key, values[code], code));
      group.boxes.replaceChildren(...group.lines.map(({ line }) => line));
    }
  }

  sorted(key, values) {
    const statusOrder = byStatus(this.specs.statuses);
    const label = (code) => this.label(key, values[code]);
    const byLabel = (a, b) => (label(a) < label(b) ? -1 : 1);
    const codes = values.map((_, code) => code);
    if (key === "batch_id") return codes;
    return codes.sort(key === "status" ? (a, b) => statusOrder(values[a], values[b]) : byLabel);
  }

  line(key, value, code) {
    const input = element("input", { type: "checkbox" });
    input.onchange = () => this.onToggle(key, value);
    const count = element("span", { class: "count" });
    const dots = key === "status" ? [statusDot(this.specs, value)] : [];
    const label = element("label", {}, [input, ...dots, element("span", { class: "name" }, breakable(this.label(key, value)))]);
    const meaning = key === "status" && Object.hasOwn(this.specs.meanings, value) && this.specs.meanings[value];
    const line = element("div", { class: "box", title: meaning || (value ?? NONE) }, [label, count]);
    return { line, input, count, value, code };
  }

  draw(state, filters) {
    this.dates.draw(state);
    for (const { key, column, lines } of this.groups) {
      if (!lines.length) continue;
      const counts = filters.counts(column, key);
      for (const { line, input, count, value, code } of lines) {
        input.checked = state[key]?.includes(value) ?? false;
        const text = number(counts[code]);
        if (count.textContent !== text) count.textContent = text;
        line.classList.toggle("none", counts[code] === 0);
      }
    }
    if (this.search.value !== (state.text ?? "")) this.search.value = state.text ?? "";
    const { pieces, missing } = filters;
    const counts = `${number(missing.length)} of ${number(pieces.size)} not found: `;
    this.missing.textContent = missing.length ? counts + missing.join(", ") : "";
    const active = this.active(state);
    const hadFocus = [this.clear, ...this.chips.children].includes(document.activeElement);
    this.clear.disabled = active.length === 0;
    this.chips.replaceChildren(...active.map(chip));
    // A disabled or removed button would lose the focus.
    if (hadFocus && (this.clear.disabled || document.activeElement !== this.clear)) (this.chips.firstChild ?? this.search).focus();
  }

  /** Show the active filters, each with a button to remove it. */
  active(state) {
    const active = Object.keys(WORDS).flatMap((key) =>
      (state[key] ?? []).map((value) => ({
        text: `${WORDS[key]} ${this.label(key, value)}`,
        remove: () => this.onToggle(key, value),
      })),
    );
    if (state.created) {
      const text = `created from ${state.created.join(" to ")} (UTC)`;
      active.push({ text, remove: () => this.onChange({ created: null }) });
    }
    if (state.text) {
      active.push({ text: `search “${state.text}”`, remove: () => this.onChange({ text: null }) });
    }
    return active;
  }
}

function chip({ text, remove }) {
  const cross = element("span", { "aria-hidden": "true" }, " ✕");
  return button({ class: "chip", "aria-label": `Remove filter ${text}` }, [text, cross], remove);
}

/** Allow line breaks after underscores, as in the charts. */
function breakable(text) {
  return text.split(/(?<=_)/).flatMap((part, place) => (place ? [element("wbr"), part] : [part]));
}

/** Names by id; names shared by several ids include the id. */
export function disambiguate(names) {
  const uses = new Map();
  for (const [, name] of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  return new Map(names.map(([id, name]) => [id, uses.get(name) > 1 ? `${name} (${id})` : name]));
}
