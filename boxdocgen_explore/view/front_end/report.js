// Beside the view: what the plain tables say, the view now says better; and the digest, recomputed.

mounted.then(() => document.body.classList.add("scripted"));

const recompute = document.getElementById("boxdocgen-recompute");
recompute.hidden = false;
recompute.onclick = async () => {
  const said = document.getElementById("boxdocgen-recomputed");
  if (!globalThis.crypto?.subtle) {
    said.textContent = "This browser does not compute digests for this page.";
    return;
  }
  const payload = decodeBase64(document.getElementById("boxdocgen-payload").textContent);
  const pages = new TextEncoder().encode(document.getElementById("boxdocgen-pages").textContent);
  const held = new Uint8Array(payload.length + pages.length);
  held.set(payload);
  held.set(pages, payload.length);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", held));
  const text = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const same = text === document.getElementById("boxdocgen-digest").textContent;
  said.textContent = same ? `The same: ${text}` : `NOT the same: ${text}`;
};
