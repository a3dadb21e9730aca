// A page without a kernel: a model like anywidget's, with values from the page itself.

export function pageModel(given, payload) {
  const values = { ...given, payload: decodeBase64(payload) };
  const listeners = new Map();
  return {
    get: (key) => values[key],
    set: (key, value) => {
      values[key] = value;
      listeners.get(`change:${key}`)?.forEach((listener) => listener());
    },
    on: (name, listener) => listeners.set(name, [...(listeners.get(name) ?? []), listener]),
    save_changes: () => {},
  };
}

function decodeBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let place = 0; place < packed.length; place += 1) bytes[place] = packed.charCodeAt(place);
  return bytes;
}
