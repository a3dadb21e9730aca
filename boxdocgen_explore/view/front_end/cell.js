// The explorer in a notebook cell: it hides the snapshot below it, saves a placeholder of itself, and
// reports when its kernel is gone. Missing parts are skipped (a page has no kernel, VS Code shows no
// notebook, marimo has neither).

import { element } from "./dom.js";

const VIEW = "application/vnd.jupyter.widget-view+json";
const STATE = "application/vnd.jupyter.widget-state+json";
const PLACEHOLDER = "boxdocgen-placeholder";
const EMPTY_BOX = {
  model_name: "VBoxModel",
  model_module: "@jupyter-widgets/controls",
  model_module_version: "2.0.0",
  state: { _dom_classes: [PLACEHOLDER, "lm-mod-hidden"] }, // otherwise it shows an icon without a kernel
};
const RESTARTED = "The kernel was restarted: run the cell again.";
const STOPPED = "The kernel has stopped: run the cell again.";
const GONE = { restarting: RESTARTED, autorestarting: RESTARTED, dead: STOPPED };

/** Start this for a view; returns a function that ends it. */
export function followNotebook(model, root) {
  const { context } = model.widget_manager ?? {};
  const id = model.get("explorer_id");
  if (!id) return () => {};
  root.append(element("style", {}, hiding(`.boxdocgen-saved-${id}`)));
  const session = context?.sessionContext;
  const kernel = session?.session?.kernel?.id;
  const explorer = async () => model.widget_manager?.get_model?.(id).catch(() => null);
  const end = (reason) => sayGone(model, reason, explorer);
  const onLive = async () => (await explorer())?.comm_live === false && end(STOPPED);
  const signals = [
    [context?.saveState, (_, stage) => stage === "started" && keepPlace(context.model, id)],
    [session?.statusChanged, (_, status) => status in GONE && end(GONE[status])],
    [session?.kernelChanged, (_, { newValue }) => newValue?.id !== kernel && end(STOPPED)],
  ];
  for (const [signal, listener] of signals) signal?.connect(listener);
  model.on("comm_live_update", onLive);
  onLive();
  return () => {
    for (const [signal, listener] of signals) signal?.disconnect(listener);
    model.off("comm_live_update", onLive);
  };
}

/** A style rule that applies while the view exists, whenever and however often the snapshot arrives. */
function hiding(snapshot) {
  const output = `:is(.jp-OutputArea-child, .output_area):has(${snapshot}):not(:has(.boxdocgen-explorer))`;
  return `${snapshot} { display: none; } ${output} { display: none; }`;
}

/** Else the saved notebook, opened without its kernel, would say "model not found": unless the state
    of all widgets is saved, an empty box takes the place of this one. Boxes of earlier runs go. */
function keepPlace(notebook, id) {
  const widgets = notebook.getMetadata("widgets") ?? {};
  const shown = new Set();
  for (const { outputs } of notebook.cells) {
    for (let place = 0; place < (outputs?.length ?? 0); place += 1) shown.add(outputs.get(place).data[VIEW]?.model_id);
  }
  const used = ([one, { state }]) => shown.has(one) || !state?._dom_classes?.includes(PLACEHOLDER);
  const rest = Object.entries(widgets[STATE]?.state ?? {}).filter(used);
  const saved = { version_major: 2, version_minor: 0, ...widgets[STATE] };
  saved.state = { [id]: EMPTY_BOX, ...Object.fromEntries(rest) };
  notebook.setMetadata("widgets", { ...widgets, [STATE]: saved });
}

/** Report it once, and disable the controls that need the kernel; filters do not. */
async function sayGone(model, reason, explorer) {
  const notice = model.get("notice");
  if ([RESTARTED, STOPPED].some((one) => notice.startsWith(one))) return;
  model.set("notice", [reason, notice].filter(Boolean).join("\n"));
  const parts = (await explorer())?.get("children") ?? [];
  for (const part of parts.flatMap((one) => one.get("children") ?? [])) part.set("disabled", true);
}
