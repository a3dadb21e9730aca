// The main cause of the failures and its fix: lines from Python, alternating text and code.

import { element } from "./dom.js";

export class CauseBlock {
  constructor(model) {
    Object.assign(this, { model, root: element("section", { class: "cause", "aria-label": "Main cause", hidden: "" }) });
    this.draw();
  }

  draw() {
    const lines = this.model.get("cause") ?? [];
    this.root.hidden = lines.length === 0;
    this.root.replaceChildren(...lines.map((pieces, line) => element(line ? "p" : "h2", {}, pieces.map(textOrCode))));
  }
}

function textOrCode(piece, place) {
  return place % 2 ? element("code", {}, piece) : piece;
}
