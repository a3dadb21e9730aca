"""The sample of a report: jobs for manual review, drawn reproducibly."""

from __future__ import annotations

import secrets
from typing import Any, Final

import polars as pl

from boxdocgen_explore.arguments import whole_number
from boxdocgen_explore.auditing.sampling import sample, sample_recipe, upper_bound
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.text import counted, percent

_MOST: Final = 10_000
_SHOWN: Final = (
    "batch_id",
    "job_id",
    "external_id",
    "status",
    "errors",
    "template_file_id",
    "template_file_version_id",
    "output_file_id",
)


def drawn(jobs: pl.DataFrame, n: int | None, seed: int | str | None) -> dict[str, Any] | None:
    """Draw n jobs, or all if there are fewer, and describe how; None if none were requested.

    Without a seed, a random one is used.
    ``meaning`` explains what 0 and 1 deviations would show; it is empty without SciPy.

    Raises:
        InvalidRequest: the size or the seed is invalid.
    """
    if n is None:
        if seed is not None:
            raise InvalidRequest(
                "A seed needs a sample: give its number of jobs (sample=, --sample)."
            )
        return None
    seed = secrets.randbelow(10**9) if seed is None else seed
    rows = sample(jobs, whole_number("sample", n, _MOST), seed)
    population = jobs["job_id"].drop_nulls().n_unique()
    n = min(n, population) or n
    return {
        "n": n,
        "seed": str(seed),
        "population": population,
        "method": f"{sample_recipe(n, seed)} Population: {counted(population, 'job')} with an id.",
        "meaning": _meaning(rows.height, population),
        "rows": rows.select(_SHOWN).to_dicts(),
    }


def _meaning(size: int, population: int) -> list[str]:
    if not population:
        return ["There is no job to draw."]
    if size == population:
        return ["The sample has every job: the deviations found are all there are."]
    try:
        bounds = [upper_bound(found, size) for found in range(min(size, 1) + 1)]
    except InvalidRequest:  # without SciPy
        return []
    return [
        f"If {counted(found, 'deviation')} {'is' if found == 1 else 'are'} found in "
        f"{counted(size, 'job')}, at most {percent(bound)} of all deviate, with 95 % confidence."
        for found, bound in enumerate(bounds)
    ]
