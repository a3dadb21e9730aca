"""Rules about documents: do output files exist, have distinct content, and arrive in time?

No rule passes for documents that were not checked (`auditing.needs`). A document that does not
exist is found only by `missing-document`; the other rules are about existing documents.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

from boxdocgen_explore.auditing.rule import AuditInput, per_group, per_job, rule
from boxdocgen_explore.schema import DURATION_IS_INFERRED
from boxdocgen_explore.text import counted, duration, listed

_LOOKED_AT: Final = ("output_file_id", "output_file_found")
_FILE, _FOUND = map(pl.col, _LOOKED_AT)
_SIZE, _SHA1 = pl.col("output_file_size_bytes"), pl.col("output_file_sha1")


@rule("missing-document", "error", also=("documents",), columns=_LOOKED_AT)
def missing_document(inputs: AuditInput) -> pl.DataFrame:
    """Every output file that a job names exists.

    Somebody may wait for a document that was made but no longer exists.
    """
    # Box gives the same answer if a file is gone and if this user may not see it.
    detail = pl.format(
        "Box has no output file {} for this user: it was deleted, is in the trash, or was moved "
        "to where this user has no access.",
        _FILE,
    )
    return per_job(inputs.jobs.filter(_FILE.is_not_null(), ~_FOUND), detail)


@rule(
    "empty-document",
    "error",
    also=("documents", "document sizes"),
    columns=(*_LOOKED_AT, "output_file_size_bytes"),
)
def empty_document(inputs: AuditInput) -> pl.DataFrame:
    """No document is empty.

    A file without content cannot be opened or printed.
    """
    empty = _existing(inputs.jobs).filter(_SIZE == 0)
    name = pl.lit("")
    if "output_file_name" in empty.columns:  # the finding is the same without it
        name = pl.format(' "{}"', "output_file_name").fill_null("")
    return per_job(empty, pl.format("Output file {}{} is empty: 0 bytes.", _FILE, name))


@rule(
    "identical-documents",
    "warning",
    also=("documents", "document sizes", "document digests"),
    columns=(*_LOOKED_AT, "output_file_size_bytes", "output_file_sha1"),
)
def identical_documents(inputs: AuditInput) -> pl.DataFrame:
    """No two documents of a batch have the same content.

    Two people may have received the same document.
    """
    # Empty files are equal, too; `empty-document` finds them individually.
    filled = _existing(inputs.jobs).filter(_SIZE > 0).drop_nulls("output_file_sha1")
    same = (
        filled.unique("output_file_id", keep="first", maintain_order=True)
        .group_by("batch_id", _SHA1, maintain_order=True)
        .agg("output_file_id", pl.col("job_id").unique(maintain_order=True))
        .filter(pl.all_horizontal(pl.col("output_file_id", "job_id").list.len() > 1))
    )
    return per_group(
        same.select("batch_id", "output_file_id", "job_id"),
        lambda output_file_id, job_id: (
            f"Output files {listed(output_file_id)} have the same content: jobs {listed(job_id)}; "
            "two people may have got the same document."
        ),
        about=pl.col("output_file_id").list.min(),
    )


@rule(
    "slow-document",
    "info",
    also=("documents", "durations"),
    columns=(*_LOOKED_AT, "duration_s"),
    option="slow_document_s",
)
def slow_document(inputs: AuditInput) -> pl.DataFrame:
    """No document took longer than slow_document_s.

    A document that takes this long may arrive too late.
    """
    threshold_s = inputs.thresholds.slow_document_s
    slow = (
        _existing(inputs.jobs)
        .filter(pl.col("duration_s") > threshold_s)
        .sort("duration_s", descending=True, maintain_order=True)
        .group_by("batch_id", maintain_order=True)
        .agg(
            documents=_FILE.n_unique(),
            job=pl.col("job_id").first(),
            longest_s=pl.col("duration_s").first(),
        )
    )
    return per_group(
        slow,
        lambda documents, job, longest_s: (
            f"{counted(documents, 'document')} took longer than {threshold_s:,.10g} s; the "
            f"slowest, of job {job}, took {longest_s:,.10g} s "
            f"({duration(dt.timedelta(seconds=longest_s))}). {DURATION_IS_INFERRED}"
        ),
    )


def _existing(jobs: pl.DataFrame) -> pl.DataFrame:
    return jobs.filter(_FILE.is_not_null(), _FOUND)
