"""The front end's logic, run by node and compared with Python on the same frames."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from frames import HOSTILE, MISSING, READ_AT, documented, jobs_frame, pages_frame, story

import boxdocgen_explore as bx
from boxdocgen_explore import analysis, charts, view
from boxdocgen_explore.export import flat
from boxdocgen_explore.figures import reasons_note
from boxdocgen_explore.reporting import run_audit
from boxdocgen_explore.view import filters

BATCH = "12345600319"
TEMPLATES = {"1700000000001": "Offer letter"}
CHARTS = ("outcomes", "output_types", "reasons", "by_batch", "by_template", "over_time")
ODD = [
    {"status": HOSTILE, "output_type": HOSTILE, "batch_id": "__proto__", "errors": [HOSTILE, None]},
    {"status": "zebra", "output_type": None, "external_id": "EMP-2"},
    {"status": "apple", "output_type": "", "external_id": ""},
    {"status": "failed", "errors": ["B is missing"], "external_id": "10", "created_at": READ_AT},
    {"status": "failed", "errors": ["A is missing", "B is missing"], "external_id": "9"},
    {"status": "failed", "errors": ["A is missing"], "template_file_id": None},
    {"external_id": "ΣΊΣΥΦΟΣ", "warnings": ["İ", None]},
    {"external_id": "Straße"},
    *({"external_id": one} for one in ("Ωmega", "\ufeffmark", "a\nb", "\U0001f600" * 70, "Ωmega")),
]
MANY = [
    {
        "status": f"s{n % 300}",
        "batch_id": str(n),
        "template_file_version_id": str(n % 50),
        "created_at": READ_AT - timedelta(days=n % 60),
    }
    for n in range(600)
]
FRAMES = [story(), jobs_frame(ODD), jobs_frame(MANY), story().clear()]
DOCUMENTED = [documented(story()), documented(story(4000)), documented(story()).clear()]
STATES: list[dict[str, Any]] = [
    {},
    {"status": ["failed", "on_hold_by_box"]},
    {"status": [HOSTILE, "zebra"]},
    {"output_type": ["docx", None], "batch_id": ["12345600320", "7"]},
    {"template_file_id": ["1700000000001", None], "template_file_version_id": ["7", None]},
    {"reason": [MISSING, analysis.NO_REASON, "A is missing"]},
    {"day": ["2026-11-02", "2026-11-03", None]},
    {"created": ["2026-10-30", "2026-11-02"]},
    {"created": ["2026-11-03", "2026-11-03"], "status": ["failed"]},
    {"text": "9 b IS missing", "status": ["failed"]},
    {"text": 'a "quoted" $& text \u2028 Ω \U0001f600 \x07', "day": [None]},
    {"text": " \t,"},
    {"text": "offer LETTER row"},
    {"text": "emp-00003\n98000000005; 1900000000008,nobody"},
    {"text": "98000000005 nobody no-one"},
    {"text": "EMP-0000 0003"},
    {"text": "emp-", "status": ["failed"]},
    *({"text": f"{digit}emp"} for digit in range(10)),
    {"text": "σίσυφος"},
    {"text": "ΣΊΣΥΦΟΣ | straße"},
    {"text": "replaced 33"},
    {"text": "letter 17.pdf", "output_type": ["pdf"]},
    *(
        {"text": text, "status": [text]}
        for text in (")", "\\", "'\"", "\n#", "$1{values}", "\ufdd0")
    ),
]
OUTCOMES: list[dict[str, int]] = [
    {},
    {"completed": 1},
    {"completed": 1200},
    {"failed": 1},
    {"failed": 1, "completed": 2000},
    {"completed_with_error": 2, "pending": 3, "submitted": 1, "on_hold": 1, "zebra": 1},
    {"on_hold": 1, "failed": 2, "completed": 1},
]
CELLS = ["=1+1", "+1", "-1", "@x", "\tx", "\r", "\n1", "\uff1dx", "a=1", '"', "a,b", "", " =1", "1"]
CELLS += ["a;=1", "a\t+1", 'a; "-1"', "a\r\n@x", ";;\uff1d1;=2", "\t=1", "a;'=1", "a,=1"]
SECONDS = [0, 59, 60, 119, 120, 3599, 3600, 7199, 7200, 86_400, 172_799, 172_800, 40_000_000]
FACETS = ("status", "output_type", "template_file_id")


def drawn(name: str, jobs: pl.DataFrame) -> list[dict[str, Any]]:
    return charts.bars(name, jobs, TEMPLATES)


def facet_counts(jobs: pl.DataFrame, state: dict[str, Any], key: str) -> list[tuple[Any, int]]:
    others = {name: value for name, value in state.items() if name != key}
    return list(jobs.filter(filters.query(others, TEMPLATES))[key].value_counts().iter_rows())


def texts(jobs: pl.DataFrame) -> dict[str, list[Any]]:
    """Columns of each kind as the front end reads them."""
    created = pl.col("created_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return jobs.select("job_id", "external_id", "errors", created).to_dict(as_series=False)


def batch_names(jobs: pl.DataFrame) -> dict[str, str]:
    labels = view.batch_labels(jobs, TEMPLATES)
    return {batch_id: f"{label} · {batch_id}" for batch_id, label in labels.items()}


def filtered_bars(place: int, state: dict[str, Any]) -> list[dict[str, Any]]:
    shown = FRAMES[place].filter(filters.query(state, TEMPLATES)).drop("created_at")
    bars = {name: drawn(name, shown) for name in CHARTS[:-1]}
    return [
        {"frame": place, "state": state, "figure": name}
        | {"shown": [(row["label"], row["status"], row["shown"]) for row in rows]}
        for name, rows in bars.items()
    ]


def age(seconds: int) -> str:
    now = READ_AT + timedelta(seconds=seconds)
    return analysis.verdict(FRAMES[0], pages_frame(), now=now).age


def many_searched() -> dict[str, Any]:
    """More jobs than are searched at a time, and what Python's search finds among them."""
    numbers = pl.DataFrame({"number": [str(number) for number in range(70_000)]})
    number = pl.col("number")
    external = pl.when(number == "40000").then(pl.lit("É7")).otherwise("E" + number)
    large = numbers.join(FRAMES[0][:1], how="cross").select(
        pl.exclude("number", "job_id", "external_id"), job_id="98" + number, external_id=external
    )
    texts = ["e6999", "e6999 98", "é7", "E33333 E40001 69999", "e1 98777", "nobody"]
    found = {
        text: large.filter(filters.query({"text": text}))["job_id"].to_list() for text in texts
    }
    return {"payload": base64.b64encode(view.pack(large)).decode(), "found": found}


def reported() -> dict[str, Any]:
    """A report's evidence bag, and what the page around it shows."""
    with bx.demo() as box, tempfile.TemporaryDirectory() as folder:
        report = bx.report(box.read(BATCH), f"{folder}/audit.html", embed_evidence=True)
        text = report.path.read_text("utf-8")
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(_part(text, "bag")))) as archive:
            record = archive.read("audit/data/audit.json").decode()
    page = {"seal": report.seal, "record": record, "statuses": view.specs()["statuses"]}
    page |= {"outcome": json.loads(record)["statements"]["Outcome"], "texts": _part(text, "text")}
    return {"bag": _part(text, "bag"), "payload": _part(text, "payload"), "page": page}


def outcome_of(counts: dict[str, int]) -> dict[str, Any]:
    """The counts of jobs by status, and the sentence that a report states of them."""
    jobs = jobs_frame(
        [{"status": status} for status, count in counts.items() for _ in range(count)]
    )
    return {"counts": list(counts.items()), "sentence": run_audit(jobs).statements["Outcome"]}


def _part(text: str, name: str) -> str:
    return re.search(f'id="boxdocgen-{name}">([^<]*)', text)[1]


def shared_table() -> dict[str, Any]:
    """The shared table, with Python's results."""
    numbers = (0, 999, 1000, 1_234_567)
    by_id = pl.col("job_id").cast(pl.Int64)
    number = pl.col("external_id").cast(pl.Int64, strict=False)
    blank = pl.col("external_id").fill_null("") == ""
    last = pl.when(~blank).then(pl.col("external_id").rank(descending=True))
    rank = pl.col("status").replace_strict(
        {status: place for place, status in enumerate(view.specs()["statuses"])}, default=9
    )
    orders = [
        (0, None, [rank, "status", by_id]),
        (2, None, ["status", by_id]),
        (0, ["job_id", "descending"], [-by_id]),
        (0, ["external_id", "ascending"], ["external_id", by_id]),
        (1, ["external_id", "ascending"], [blank, number.is_null(), number, -last, by_id]),
        (1, ["external_id", "descending"], [blank, ~number.is_null(), -number, last, by_id]),
    ]
    return {
        "specs": view.specs(),
        "templates": TEMPLATES,
        "columns": FRAMES[0].columns,
        "batch_names": [batch_names(jobs) for jobs in FRAMES],
        "many": many_searched(),
        "reported": reported(),
        "outcomes": [outcome_of(counts) for counts in OUTCOMES],
        "frames": [
            {"payload": base64.b64encode(view.pack(jobs)).decode(), "texts": texts(jobs)}
            for jobs in FRAMES + DOCUMENTED
        ],
        "states": [
            {
                "state": state,
                "frame": place,
                "shown": jobs.filter(filters.query(state, TEMPLATES))["job_id"].to_list(),
                "fragment": view.fragment(state),
                # Counting is slow in Python, and the first two frames have every kind of value.
                "counts": {key: facet_counts(jobs, state, key) for key in FACETS if place < 2},
            }
            for state in STATES
            for place, jobs in enumerate([*FRAMES, DOCUMENTED[0]])
        ],
        "bars": [
            {"frame": place, "figure": name, "rows": drawn(name, jobs)}
            for name in CHARTS
            for place, jobs in enumerate(FRAMES)
        ]
        + [
            {"frame": place, "figure": name, "rows": drawn(name, jobs)}
            for name in ("by_duration", "documents_over_time")
            for place, jobs in enumerate(DOCUMENTED, start=len(FRAMES))
        ],
        "duration_notes": [
            {"frame": place, "note": analysis.duration_note(jobs, TEMPLATES)}
            for place, jobs in enumerate(DOCUMENTED, start=len(FRAMES))
        ],
        "filtered_bars": [case for state in STATES for case in filtered_bars(0, state)],
        "ages": [(seconds, age(seconds)) for seconds in SECONDS],
        "reasons_notes": [reasons_note(jobs) or "" for jobs in FRAMES],
        "numbers": [(count, f"{count:,}") for count in numbers],
        "csv_cells": [(cell, flat(pl.DataFrame({"x": [cell]})).item()) for cell in CELLS],
        "sorts": [
            {
                "frame": place,
                "sort": sort,
                "sorted": FRAMES[place].sort(by, nulls_last=True)["job_id"].to_list(),
            }
            for place, sort, by in orders
        ],
    }


def test_the_front_end_agrees_with_python(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        missing = "no node, which runs the tests of the front end"
        (pytest.fail if os.environ.get("BOXDOCGEN_REQUIRE_BROWSER") else pytest.skip)(missing)
    shared, codes = shared_table(), tmp_path / "codes.json"
    table = tmp_path / "table.json"
    table.write_text(json.dumps(shared), "utf-8")
    tests = Path(__file__).with_name("front_end.test.mjs")
    done = subprocess.run(
        [str(node), "--test", "--test-reporter=tap", str(tests)],
        env={
            **os.environ,
            "BOXDOCGEN_TABLE": str(table),
            "BOXDOCGEN_CODES": str(codes),
            "NODE_NO_WARNINGS": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    assert "# pass 24" in done.stdout
    frames = [*FRAMES, DOCUMENTED[0]]
    for case, code in zip(shared["states"], json.loads(codes.read_text("utf-8")), strict=True):
        found = eval(code, {"jobs": frames[case["frame"]], "pl": pl, "bx": bx})
        assert found["job_id"].to_list() == case["shown"], code
