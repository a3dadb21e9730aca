"""What the explorer asks of Box, and the list of batches that it offers meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import polars as pl

from boxdocgen_explore.errors import BoxDocGenError, Cancelled, NotCached, Reading
from boxdocgen_explore.schema import BATCHES
from boxdocgen_explore.text import counted

if TYPE_CHECKING:
    from boxdocgen_explore.explorer.picker import Picker

Progress = Callable[[int, int, str | None], None]


class BatchList(Protocol):
    """Batches (schema.BATCHES), and whether none can be missing."""

    @property
    def batches(self) -> pl.DataFrame: ...

    @property
    def complete(self) -> bool: ...


@runtime_checkable
class Source(Protocol):
    """The part of a `Box` that the explorer uses."""

    @property
    def story_batch_id(self) -> str | None: ...

    def read(
        self,
        ids: Sequence[str],
        *,
        refresh: bool,
        cancelled: threading.Event,
        progress: Progress,
    ) -> Reading: ...

    def batch_list(
        self,
        *,
        cancelled: threading.Event,
        progress: Progress,
        on_partial: Callable[[pl.DataFrame, int], None],
    ) -> BatchList: ...

    def template_names(self) -> Mapping[str, str]: ...

    def cached(self) -> list[str]: ...


def fill(picker: Picker, source: Source, stopped: threading.Event) -> None:
    """Offer batches as pages of the list arrive, and say how whole the list is."""
    kept: list[str] = []
    names: Mapping[str, str] = {}
    offered = pl.DataFrame(schema=dict(BATCHES))

    def offer(batches: pl.DataFrame, said: str) -> None:
        nonlocal offered
        offered = batches
        picker.offer(batches, said, kept=kept, names=names)

    def partial(batches: pl.DataFrame, jobs: int) -> None:
        offer(batches, f"{counted(batches.height, 'batch')}, from {jobs:,} jobs read so far")

    picker.listing_starts()
    try:
        kept = source.cached()
        names = source.template_names()
        listed = source.batch_list(cancelled=stopped, progress=_unseen, on_partial=partial)
        gaps = "" if listed.complete else " (jobs were added meanwhile: some may be missing)"
        said = f"{counted(listed.batches.height, 'batch')}, times in UTC{gaps}"
        offer(listed.batches, said if listed.batches.height else "")
    except NotCached:
        offer(offered, f"{len(kept):,} kept on disk; the list of batches is not")
    except Cancelled:
        offer(
            offered,
            f"{counted(offered.height, 'batch')}; the list was stopped, so there may be more",
        )
    except BoxDocGenError as error:
        offer(
            offered,
            f"{counted(offered.height, 'batch')}; the list could not be read to its end. {error}",
        )
    finally:
        picker.listing_ends()


def _unseen(_pages: int, _jobs: int, _waiting: str | None) -> None:
    """The list's own words say how far it is."""
