"""A user's script, which mypy checks together with the package: the public types fit together."""

from __future__ import annotations

import polars as pl

import boxdocgen_explore as bx


def verdict_of_what_arrived(box: bx.Box, batch_id: str) -> str:
    """Read a batch; if it is incomplete, its error has the reading so far."""
    try:
        reading: bx.Reading = box.read(batch_id)
    except bx.BoxDocGenError as error:
        arrived: bx.Reading | None = error.reading
        return arrived.verdict if arrived else str(error)
    return reading.verdict


def failures(reading: bx.Reading) -> list[str | None]:
    """Request ids of the batches that failed."""
    return [error.request_id for error in reading.failures.values()]


def streamed(box: bx.Box, batch_ids: list[str]) -> int:
    """Pages are frames."""
    return sum(page.height for page in box.iter_pages(batch_ids))


NIGHTLY: bx.ThresholdOptions = {"max_failed_share": 0.01, "creators": ["svc-hr@example.com"]}
UNKNOWN: bx.ThresholdOptions = {"max_failed": 0.01}  # type: ignore[typeddict-unknown-key]


def nightly(reading: bx.Reading) -> bool:
    """Thresholds that are declared once fit audits, reports and evidence."""
    bx.verdicts(reading, by_batch=True, **NIGHTLY)
    bx.evidence(reading, "audit.zip", redact="creators", sample=25, seed=7, **NIGHTLY)
    bx.report(reading, "audit.html", prepared_by="Dana Ruiz", reviewed_by="Ada")
    bx.report(reading, "audit.html", running_hour=2)  # type: ignore[call-arg]
    return bx.report(reading, "audit.html", policy="policy.toml", **NIGHTLY).complete


def findings(reading: bx.Reading) -> pl.DataFrame:
    """The audit takes a reading, and gives a frame."""
    return bx.audit(reading, running_hours=2)


def explored(box: bx.Box, jobs: pl.DataFrame) -> list[bx.Explorer]:
    """What can be explored."""
    return [bx.explore(box), bx.explore(box.read("12345")), bx.explore(jobs)]
