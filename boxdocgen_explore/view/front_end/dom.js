// Elements and texts: data from Box becomes text, never markup.

export function element(tag, attributes = {}, children = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...[children].flat());
  return node;
}

export function button(attributes, children, onclick) {
  return Object.assign(element("button", { type: "button", ...attributes }, children), { onclick });
}

/** The dot of a status in its colour; unknown statuses have the neutral colour. */
export function statusDot(specs, status) {
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  dot.style.background = Object.hasOwn(specs.colours, status) ? specs.colours[status] : specs.unknown_colour;
  return dot;
}

/** A menu, whose last child has these contents; Escape and a click elsewhere close it. */
export function menu(name, contents = []) {
  // The contents are focusable, so that a click between them does not close the menu.
  const boxes = element("div", { class: "boxes", role: "group", "aria-label": name, tabindex: "-1" }, contents);
  const root = element("details", { class: "menu" }, [element("summary", {}, name), boxes]);
  root.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    root.firstChild.focus();
    root.open = false;
  });
  root.addEventListener("focusout", ({ relatedTarget }) => root.contains(relatedTarget) || (root.open = false));
  return root;
}

/** Offer a file to the reader, as the browser's own download. */
export function download(name, type, content) {
  const link = element("a", { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Copy a text; if the clipboard is denied, by a selection. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

const NUMBERS = new Intl.NumberFormat("en");

export function number(count) {
  return NUMBERS.format(count);
}

/** Call this after the next frame is painted. */
export function afterPaint(work) {
  requestAnimationFrame(() => setTimeout(work));
}

/** Keep keys from JupyterLab's shortcuts, except those with Control, such as saving. */
export function keepFromJupyter(event) {
  if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
}
