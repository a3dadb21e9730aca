// The field "Batch ids" and the button "Load". What was typed, or chosen in the list, goes to the
// kernel in one message with the command: a value that is sent by itself may arrive after it.

import { element } from "./dom.js";

export default {
  render({ model, el }) {
    const ids = element("input", { type: "text", placeholder: "12345, 12346: typed or pasted" });
    const load = element("button", { type: "button", class: "jupyter-button mod-primary" }, "Load");
    el.append(element("label", {}, ["Batch ids", ids]), load);
    const list = listModel(model);
    const setText = (text) => model.set("text", text); // for a second view: the kernel does not need it
    const showText = () => (ids.value = model.get("text"));
    const focus = (message) => message.event === "focus" && ids.focus();
    const clear = (_model, _index, { updated_view: byPerson }) => byPerson && setText("");
    showText();
    ids.oninput = () => {
      setText(ids.value);
      list.then(deselect); // either ids are typed or batches are chosen, never both
    };
    ids.onkeydown = (event) => {
      event.stopPropagation(); // or JupyterLab takes it for a shortcut
      if (event.key !== "Enter" || event.isComposing) return;
      model.send({ event: "enter", text: ids.value });
      ids.select(); // what is typed or scanned next replaces it
    };
    load.onclick = async () => {
      const text = ids.value;
      model.send({ event: "load", text, chosen: chosenLabels(await list) });
    };
    model.on("change:text", showText);
    model.on("msg:custom", focus);
    list.then((batches) => batches?.on("change:index", clear));
    return () => {
      model.off("change:text", showText);
      model.off("msg:custom", focus);
      list.then((batches) => batches?.off("change:index", clear));
    };
  },
};

/** The model of the list beside the field; null if this notebook program does not give it. */
async function listModel(model) {
  try {
    return await model.widget_manager.get_model(model.get("batches").replace("IPY_MODEL_", ""));
  } catch {
    return null;
  }
}

function deselect(batches) {
  if (!batches?.get("index").length) return;
  batches.set("index", []);
  batches.save_changes();
}

function chosenLabels(batches) {
  return batches && batches.get("index").map((place) => batches.get("_options_labels")[place]);
}
