// Below the head of a column: the values of the jobs shown, or how many of them have one.

import { byStatus } from "./columns.js";
import { element, number } from "./dom.js";

const DISTRIBUTED = { status: "status", batch_id: "batch_id", template_file_id: "template_file_id", output_file_id: "output_type" };
const MOST_PIECES = 5;

/** Draw the bar of a column. Its text is only a title: screen readers would read it with each cell. */
export function shareBar(name, frame, jobs, view) {
  const values = frame.columns.get(DISTRIBUTED[name]);
  const pieces = values ? distribution(values, view) : presence(frame.columns.get(name), jobs, view.filters);
  const percent = (count) => Math.max(1, Math.min(count < jobs.length ? 99 : 100, Math.round((100 * count) / jobs.length)));
  const share = (count) => `${number(count)} · ${percent(count)} %`;
  const title = pieces.map(({ text, count }) => `${text}: ${share(count)}`).join("\n");
  const spans = pieces.map(({ count, colour }, place) => {
    const span = element("span");
    span.style.cssText = `flex-grow: ${count}; ${colour ? `background: ${colour}` : `opacity: ${0.8 / (place + 1)}`}`;
    return span;
  });
  return element("span", { class: "shares", "aria-hidden": "true", title }, spans);
}

/** A piece per value: statuses in their order and colours, all others in greys, the most frequent one first. */
function distribution(column, view) {
  const { statuses, colours, unknown_colour: unknown } = view.specs;
  const isStatus = column.name === "status";
  const [inOrder, colour] = [byStatus(statuses), (value) => (isStatus ? (Object.hasOwn(colours, value) ? colours[value] : unknown) : "")];
  const pieces = Array.from(view.filters.counts(column), (count, code) => ({ value: column.values[code], count }))
    .filter(({ count }) => count)
    .sort((a, b) => (isStatus ? inOrder(a.value, b.value) : b.count - a.count))
    .map(({ value, count }) => ({ text: view.label(column.name, value), count, colour: colour(value) }));
  const others = isStatus ? [] : pieces.splice(MOST_PIECES);
  const count = others.reduce((sum, piece) => sum + piece.count, 0);
  return count ? [...pieces, { text: `${number(others.length)} others`, count }] : pieces;
}

function presence(column, jobs, filters) {
  const blank = filters.blank(column, jobs);
  return [
    { text: "With a value", count: jobs.length - blank },
    { text: "Without", count: blank, colour: "transparent" },
  ].filter(({ count }) => count);
}
