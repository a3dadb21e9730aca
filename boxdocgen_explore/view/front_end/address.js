// The filters in the address bar, so that pages and links can name the jobs that they show.
// Python's `fragment` writes the same text: key=value, once per value of a list; none=key means null,
// and an empty text= means no filter.

import { KEYS } from "./filters.js";

const LONGEST = 1_000_000;
const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
const oneOf = (...choices) => (value) => choices.includes(value);
const several = (values) => values.length > 0;
const VALID = {
  ...Object.fromEntries(KEYS.map((key) => [key, several])),
  created: ([first, last, more]) => isDay(first) && isDay(last) && first <= last && more === undefined,
  sort: ([column, direction, more]) => column && oneOf("ascending", "descending")(direction) && more === undefined,
  columns: several,
  widths: (values) => several(values) && values.every((one) => /^[a-z_]+:\d{2,4}$/.test(one)),
  text: (value) => value,
  compare_by: oneOf("batch", "template", "day"),
  measure: oneOf("count", "share"),
};
const ONE_VALUE = ["text", "compare_by", "measure"];

/** Read an untrusted fragment; null if it has no state. */
export function readFragment(fragment) {
  const given = new URLSearchParams(fragment.length > LONGEST ? "" : fragment.replace(/^#/, ""));
  const nulls = given.getAll("none").filter((key) => KEYS.includes(key) && key !== "created");
  const keys = Object.keys(VALID).filter((key) => given.has(key) || nulls.includes(key));
  const value = (key) => {
    if (ONE_VALUE.includes(key)) return given.get(key);
    return nulls.includes(key) ? [...given.getAll(key), null] : given.getAll(key);
  };
  const valid = keys.map((key) => [key, value(key)]).filter(([key, found]) => VALID[key](found));
  return keys.length ? Object.fromEntries(valid) : null;
}

export function writeFragment(state) {
  const pairs = Object.keys(VALID).flatMap((key) =>
    [state[key] ?? []].flat().map((value) => (value === null ? ["none", key] : [key, value])),
  );
  return new URLSearchParams(pairs).toString();
}

/** Follow the address, now and when it changes, and write the shown state to it. */
export function followAddress(model, root) {
  const noFilter = model.get("state") && writeFragment(model.get("state")) ? "text=" : "";
  const read = () => {
    const state = readFragment(location.hash);
    if (state) model.set("state", state); // otherwise it is a heading of the page
    return state;
  };
  read();
  model.on("change:state", () => {
    const fragment = writeFragment(model.get("state")) || noFilter;
    if (fragment === writeFragment(readFragment(location.hash) ?? {})) return;
    // Setting the fragment would add an entry to the history for each letter of a search.
    history.replaceState(null, "", `#${fragment}`);
  });
  addEventListener("hashchange", () => read() && root.querySelector(".bar").scrollIntoView());
}
