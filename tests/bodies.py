"""Bodies that a server may send: valid, nearly valid, and arbitrary ones."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

JOB = {"id": "7", "batch": {"id": "1001"}, "status": "failed"}
MANY = 2_000_000
"""Characters of one text that nobody expects."""
DEEP = 900
"""Lists within lists, as many as Python's own parser takes."""


def body(*entries: Any, **around: Any) -> bytes:
    return json.dumps({"entries": list(entries), **around}).encode()


def job(**fields: Any) -> bytes:
    return body({**JOB, **fields})


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(st.characters(exclude_categories=()), max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
reference = st.fixed_dictionaries({}, optional={"id": st.text(max_size=3) | anything})
messages = st.none() | st.lists(st.text(max_size=5) | anything, max_size=2)
entry = anything | st.fixed_dictionaries(
    {
        "id": st.text("123", min_size=1) | anything,
        "batch": st.just({"id": "1"}) | reference | anything,
        "status": st.sampled_from(["failed", "completed", "archived"]) | anything,
    },
    optional={
        "output_type": anything,
        "output_file": reference | anything,
        "failures": st.fixed_dictionaries({"errors": messages, "warnings": messages}) | anything,
        "external_id": anything,
        "created_at": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | anything,
        "created_by": reference | anything,
    },
)
pages = anything | st.fixed_dictionaries(
    {"entries": st.lists(entry, max_size=4) | anything},
    optional={"limit": anything, "next_marker": anything, "more": anything},
)
"""Any JSON, much of it nearly a page."""

words = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)
named = st.none() | st.fixed_dictionaries({"id": st.none() | words})
lines = st.none() | st.lists(st.none() | words, max_size=3)
jobs = st.fixed_dictionaries(
    {
        "id": st.integers(1, 10**9).map(str),
        "batch": st.just({"id": "1001"}),
        "status": st.sampled_from(["failed", "completed_with_error", "completed", "pending"])
        | words.filter(str.isprintable),
    },
    optional={
        **dict.fromkeys(("output_type", "external_id", "source"), st.none() | words),
        **dict.fromkeys(("template_file", "template_file_version", "output_file"), named),
        "failures": st.none() | st.fixed_dictionaries({"errors": lines, "warnings": lines}),
        "priority": anything,
    },
)
job_pages = st.lists(jobs, max_size=6, unique_by=lambda job: job["id"]).map(
    lambda entries: {"entries": entries, "limit": 1000, "next_marker": None}
)
"""Pages that are valid by the API's description, with unusual values."""

EXTREMES = {
    "a message of megabytes": job(failures={"errors": ["x" * MANY], "warnings": []}),
    "a status of megabytes": job(status="word " * (MANY // 5)),
    "an id of megabytes": job(id="7" * MANY),
    "a field name of megabytes": job(**{"x" * MANY: 1}),
    "open braces": job(failures={"errors": ["{{" * 100_000], "warnings": ["'" * 100_000]}),
    "marks upon one letter": job(status="a" + "\u0301" * 100_000),
    "lists within lists": job(deep=0).replace(b"0", b"[" * DEEP + b"]" * DEEP),
    "objects within objects": job(deep=0).replace(b"0", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "lists without end": b'{"entries": ' + b"[" * 100_000,
    "a known field too deep": job(external_id=0).replace(b"0", b"[" * DEEP + b"]" * DEEP),
    "half a surrogate pair": job(failures={"errors": ["\ud800"]}, external_id="\udfff"),
    "a name of half a pair": job(**{"\ud800": 1}),
    "NUL in a text": job(external_id="a\0b", failures={"errors": ["\0"], "warnings": None}),
    "NUL in the body": job().replace(b"failed", b"fai\0led"),
    "a number of 5,000 digits": job(more=0).replace(b"0", b"9" * 5000),
    "a number without end": job(more=0).replace(b"0", b"1e999"),
    "not a number": body(limit=float("nan")),
    "another encoding": job().decode().encode("utf-16"),
    "bytes of no encoding": job().replace(b"failed", b"\xff\xfe"),
    "a byte order mark": b"\xef\xbb\xbf" + job(),
    "an expected text as list": job(failures={"errors": "text", "warnings": {}}),
}
