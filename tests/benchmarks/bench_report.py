"""How large a report is, how long it takes to write, and how soon it can be used.

Run it as a script: ``python tests/benchmarks/bench_report.py``. It needs Chromium, takes a minute
or two, and ends with status 1 if a limit is exceeded. Times are given as ratios, too: of the bare
view of the same jobs, so that they can be compared between machines.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from bench_view import many, measure
from playwright.sync_api import sync_playwright

from boxdocgen_explore import reporting, sealing, view
from boxdocgen_explore.box.reading import Reading

sys.path.insert(0, str(Path(__file__).parents[1]))
from frames import pages_frame

LIMITS = {
    100_000: {"html_mb": 4.0, "usable_s": 1.0, "filter_ms": 50.0},
    1_000_000: {"html_mb": 30.0},
}


def reading(jobs: int) -> Reading:
    """As many jobs of one batch as that, with the pages that prove them."""
    frame = many(jobs).with_columns(batch_id=pl.lit("12345600319"))
    return Reading(frame, pages_frame(jobs // 1000))


def took(what: Any) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def main() -> int:
    exceeded = False
    view.module()  # what happens once per process does not count
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"args": ["--no-sandbox", "--disable-gpu"]}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), **options)
        for jobs, limits in LIMITS.items():
            file, given = Path(folder) / f"{jobs}.html", reading(jobs)
            bare_s = took(lambda given=given: view.page(given.jobs, None))
            write_s = took(lambda given=given, file=file: sealing.report(given, file))
            numbers = {"write_s": write_s, "times_the_view": write_s / bare_s}
            numbers["html_mb"] = file.stat().st_size / 1e6
            page = browser.new_page(viewport={"width": 1000, "height": 900})
            numbers |= measure(page, file)
            page.close()
            numbers["read_back_s"] = took(lambda file=file: reporting.read_report(file))
            over = [name for name, limit in limits.items() if numbers[name] > limit]
            exceeded |= bool(over)
            text = ", ".join(f"{name} {number:.2f}" for name, number in numbers.items())
            sys.stdout.write(f"{jobs:,} jobs: {text}; over the limit: {over or 'none'}\n")
        browser.close()
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
