// Hides the plain tables once the view is drawn, and recomputes the digest.

mounted.then(() => document.body.classList.add("scripted"));

const recompute = document.getElementById("boxdocgen-recompute");
recompute.hidden = false;
recompute.onclick = async () => {
  const message = document.getElementById("boxdocgen-recomputed");
  if (!globalThis.crypto?.subtle) {
    message.textContent = "This browser cannot compute digests here: open the file in another one.";
    return;
  }
  const payload = decodeBase64(document.getElementById("boxdocgen-payload").textContent);
  const pages = new TextEncoder().encode(document.getElementById("boxdocgen-pages").textContent);
  const data = new Uint8Array(payload.length + pages.length);
  data.set(payload);
  data.set(pages, payload.length);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const text = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const same = text === document.getElementById("boxdocgen-digest").textContent;
  message.textContent = same ? `The same: ${text}` : `NOT the same: ${text}`;
};
