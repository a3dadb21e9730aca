"""How large a page is, how soon it is usable, and how long from an input to the painted frame.

Run it as a script: ``python tests/benchmarks/bench_view.py``. It needs Chromium, takes about a
minute, and ends with status 1 if a limit is exceeded. The ids are random: ids in sequence, as
Box gives them, make smaller pages.
"""

from __future__ import annotations

import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from frames import story

from boxdocgen_explore import view

LIMITS = {
    100_000: {"html_mb": 4.0, "usable_s": 1.0, "filter_ms": 50.0},
    1_000_000: {"html_mb": 30.0, "filter_ms": 50.0},
}

# A message that is posted in a frame's callbacks comes once that frame is painted.
PAINTED = """() => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(performance.timeOrigin + performance.now());
  requestAnimationFrame(() => port2.postMessage(null));
})"""
_CHANGE = f"""async ({{ selector, text }}) => {{
  const painted = {PAINTED};
  const body = document.querySelector(".boxdocgen-body");
  const control = document.querySelector(selector);
  // A person looks before the next input; what the last one set off elsewhere is over by then.
  await new Promise((done) => setTimeout(done, 100));
  const row = document.querySelector("tr.job");
  const start = await painted();
  if (text === null) control.click();
  else {{ control.value = text; control.dispatchEvent(new Event("input")); }}
  let [rows, end] = [null, null];
  do {{
    end = await painted();
    if (document.querySelector("tr.job") !== row) rows ??= end;
  }} while (body.ariaBusy === "true");
  return {{ rows_ms: (rows ?? end) - start, all_ms: end - start }};
}}"""
_BOX = {"selector": ".sidebar input[type=checkbox]", "text": None}


def many(jobs: int) -> pl.DataFrame:
    """Repeat the story, with ids that are all different."""
    few = story(3000).drop("created_at")
    frame = pl.concat([few] * -(-jobs // few.height)).head(jobs)
    chance = random.Random(5)

    def ids(prefix: str) -> pl.Series:
        return pl.Series([f"{prefix}{number}" for number in chance.sample(range(10**10), jobs)])

    return frame.with_columns(
        job_id=ids("3"),
        external_id=ids("E"),
        output_file_id=pl.when(pl.col("output_file_id").is_not_null()).then(ids("19")),
        output_file_version_id=pl.when(pl.col("output_file_id").is_not_null()).then(ids("21")),
    )


def measure(page: Page, file: Path) -> dict[str, float]:
    start = time.perf_counter()
    page.goto(file.as_uri())
    page.locator('.boxdocgen-body[aria-busy="false"]').wait_for(state="attached")
    usable_s = time.perf_counter() - start
    changes = change_all(page)
    return {"usable_s": usable_s, **changes}


def change_all(page: Page) -> dict[str, float]:
    """From input to painted frame, in milliseconds, of changes such as a person makes.

    Medians: of filters, of searches until the first rows are painted, and until all is; then the
    worst of all.
    """
    typed = ("b", "bo", "bon", "e123", "")
    texts = [{"selector": "input[type=search]", "text": text} for text in typed]
    clear = {"selector": ".sidebar .clear", "text": None}
    changes = [_BOX, _BOX, *texts, _BOX, clear, *texts[:4], _BOX, _BOX, clear]
    took = [(page.evaluate(_CHANGE, change), change["text"]) for change in changes]
    searches = [one for one, text in took if text is not None]
    return {
        "filter_ms": statistics.median(one["all_ms"] for one, text in took if text is None),
        "rows_ms": statistics.median(one["rows_ms"] for one in searches),
        "search_ms": statistics.median(one["all_ms"] for one in searches),
        "worst_ms": max(one["all_ms"] for one, _ in took),
    }


def main() -> int:
    exceeded = False
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"args": ["--no-sandbox", "--disable-gpu"]}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), **options)
        for jobs, limits in LIMITS.items():
            file = Path(folder) / f"{jobs}.html"
            start = time.perf_counter()
            file.write_text(view.page(many(jobs), None), encoding="utf-8")
            numbers = {"write_s": time.perf_counter() - start}
            numbers["html_mb"] = file.stat().st_size / 1e6
            page = browser.new_page(viewport={"width": 1000, "height": 900})
            numbers |= measure(page, file)
            page.close()
            over = [name for name, limit in limits.items() if numbers[name] > limit]
            exceeded |= bool(over)
            text = ", ".join(f"{name} {number:.2f}" for name, number in numbers.items())
            sys.stdout.write(f"{jobs:,} jobs: {text}; over the limit: {over or 'none'}\n")
        browser.close()
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
