// The buttons beside the number of jobs: what takes the jobs shown somewhere else.

import { button, download, number } from "./dom.js";
import { cell, csv } from "./columns.js";
import { queryCode } from "./filters.js";

/** `copy` gets a text and what to say of it; `view` has what is shown. */
export function actions(view, copy) {
  return [
    button({}, "Save CSV", () => {
      const name = csvName(view.frame, view.state, view.model.get("verdict")?.read_at);
      download(name, "text/csv;charset=utf-8", csv(view.frame, view.jobs));
    }),
    button({ title: "Code that gives the jobs shown, for the next cell" }, "Copy query", () => {
      const code = queryCode(view.state, view.specs.query_code, view.model.get("templates"));
      copy(`${setup(view)}${code}`, "Copied the query for these jobs.");
    }),
    button({ title: "External ids of the failed jobs shown; job ids of jobs without one" }, "Copy ids to resubmit", () => {
      const ids = idsToResubmit(view.frame, view.jobs);
      if (ids.length) copy(ids.join("\n"), `Copied the ids of ${number(ids.length)} failed jobs.`);
      else view.say("No failed job is shown.");
    }),
  ];
}

export function idsToResubmit(frame, jobs) {
  const failed = Array.from(jobs).filter((job) => cell(frame, "status", job) === "failed");
  return failed.map((job) => cell(frame, "external_id", job) || cell(frame, "job_id", job));
}

/** Name a file by its batch, the values that filter, and the day (UTC) on which the jobs were read. */
export function csvName(frame, { text, sort, batch_id: chosen, ...filters }, readAt) {
  const batches = chosen?.length ? chosen : frame.columns.get("batch_id")?.values ?? [];
  const values = Object.values(filters).filter(Array.isArray).flat();
  const named = (text ? [...values, "search"] : values).map((value) => value ?? "none").join("-");
  const parts = [
    "jobs",
    batches.length === 1 ? batches[0] : `${batches.length}-batches`,
    named.slice(0, 60),
    (readAt ?? new Date().toISOString()).slice(0, 10),
  ];
  return `${parts.map((part) => part.replace(/[^\p{L}\p{N}_]+/gu, "-").replace(/^-|-$/g, "")).filter(Boolean).join("-")}.csv`;
}

/** Write what the query needs to run in an empty cell: imports, and the jobs that are loaded. */
function setup({ frame, model, state }) {
  const values = (name) => frame.columns.get(name)?.values ?? [];
  const source = values("origin").includes("demo") ? "bx.demo()" : "bx.connect()";
  const details = state.day?.length ? ", details=True" : "";
  const documents = state.text && frame.columns.has("output_file_name") ? ", documents=True" : "";
  const read = `${source}.jobs([${values("batch_id").map((id) => JSON.stringify(id)).join(", ")}]${details}${documents})`;
  const explorer = model.get("variable");
  const jobs = explorer ? `${explorer}.loaded` : read;
  return `import boxdocgen_explore as bx\nimport polars as pl\n\njobs = ${jobs}\n`;
}
