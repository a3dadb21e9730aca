// Making elements and texts: whatever Box sent becomes text, never markup.

export function element(tag, attributes = {}, children = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...[children].flat());
  return node;
}

/** Offer a file to the reader, as the browser's own download. */
export function download(name, type, text) {
  const link = element("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Copy a text; where the browser keeps the clipboard from this page, by way of a selection. */
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

/** Call this once the next frame is painted. */
export function afterPaint(work) {
  requestAnimationFrame(() => setTimeout(work));
}
