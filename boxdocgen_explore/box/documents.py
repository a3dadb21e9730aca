"""Look up the output files of jobs with as few calls as possible.

Box writes the documents of a batch to one folder, and lists a folder a thousand files at a time.
The folder of one file (three in a large batch) is requested and listed. Files that are not in it
were moved or deleted, and are requested one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.fetch import Fetch
from boxdocgen_explore.pages.records import Chain
from boxdocgen_explore.schema import DOCUMENT_PAGES, DOCUMENTS, MAX_LIMIT, User
from boxdocgen_explore.text import counted

MAX_LOOKUPS: Final = 1000
"""The most files of one batch that are requested one by one."""

_ID: Final = r"^[0-9A-Za-z_-]{1,100}$"
"""Valid ids: they become part of an address that is called."""

_COLUMNS: Final = {"output_file_id": pl.String(), **DOCUMENTS}
_ROUND: Final = 8
"""Files of a batch in the second round; each further round is larger by this factor."""


class DocumentsWarning(UserWarning):
    """Some documents could not be checked: nothing is known about them."""


def expected_calls(jobs: pl.DataFrame) -> int:
    """The number of calls for the documents of these jobs, if they are still in their folders."""
    outputs = jobs.drop_nulls("output_file_id").group_by("batch_id")
    sizes = outputs.agg(pl.col("output_file_id").n_unique())["output_file_id"]
    return sum(_probes(size) + (-(-size // MAX_LIMIT) if size > 1 else 0) for size in sizes)


def _probes(outputs: int) -> int:
    return 1 if outputs <= MAX_LIMIT else 3


@dataclass
class DocumentSearch:
    """Finds the output files of batches.

    ``run_fetch`` reads lists and returns when they are read or failed. Afterwards ``documents``
    has one row per checked file, and ``pages`` one per answer (schema.DOCUMENT_PAGES).
    """

    jobs: pl.DataFrame
    ttl_s: float
    run_fetch: Callable[[list[PagedList]], Fetch]
    refused: set[str] = field(default_factory=set)
    """Files that this user may not read."""

    def __post_init__(self) -> None:
        valid = pl.col("output_file_id").str.contains(_ID)
        outputs = self.jobs.filter(valid).group_by("batch_id", maintain_order=True)
        self.invalid: int = self.jobs.filter(~valid).height
        files = pl.col("output_file_id").unique(maintain_order=True)
        self._open: dict[str, list[str]] = dict(outputs.agg(files).iter_rows())
        self._lookups: Counter[str] = Counter()
        self._found: list[pl.DataFrame] = [pl.DataFrame(schema=_COLUMNS)]
        self._listed: set[str] = set()
        self._answers: list[tuple[PagedList, Chain, errors.BoxDocGenError | None]] = []

    def run(self) -> None:
        """Run rounds until every file was checked or `MAX_LOOKUPS` is reached.

        Raises:
            BoxDocGenError: Box could not be reached; earlier results remain.
        """
        round_size = 0
        while wanted := self._next(round_size):
            # Listing a folder for one file is not worth a call, unless it is the batch's folder.
            self._list(self._look_up(wanted), least=2 if round_size else 1)
            round_size = max(_ROUND, round_size * _ROUND)

    @property
    def documents(self) -> pl.DataFrame:
        """One row per checked file: ``output_file_id`` and schema.DOCUMENTS."""
        return pl.concat(self._found)

    def warning(self) -> str | None:
        """A warning about files of which nothing is known; None if there are none."""
        too_many = (
            f"not in the folder of the batch, and at most {MAX_LOOKUPS:,} of a batch are looked "
            "up one by one"
        )
        unknown = {
            "this user may not read them": len(self.refused),
            too_many: sum(map(len, self._open.values())),
            "their id is not a valid one": self.invalid,
        }
        parts = [f"{counted(files, 'document')}: {why}" for why, files in unknown.items() if files]
        return f"Not checked: {'; '.join(parts)}." if parts else None

    # --- one round -----------------------------------------------------------------------------

    def _next(self, round_size: int) -> dict[str, str]:
        """The next files to request, by batch; first the first, middle and last file."""
        chosen: dict[str, str] = {}
        for batch_id, ids in self._open.items():
            size = min(round_size or _probes(len(ids)), len(ids))
            size = min(size, MAX_LOOKUPS - self._lookups[batch_id])
            places = range(size) if round_size else (0, len(ids) // 2, -1)[:size]
            chosen |= {ids[place]: batch_id for place in places}
        return chosen

    def _look_up(self, wanted: dict[str, str]) -> dict[str, list[str]]:
        """Request files one by one; return their folders by batch."""
        self._lookups.update(wanted.values())
        lists = {endpoints.file(file_id, self.ttl_s): file_id for file_id in wanted}
        folders: dict[str, list[str]] = {}
        for paged, chain, failure in self._fetched(list(lists)):
            file_id = lists[paged]
            if chain.complete:
                row = self._checked(file_id, chain)
                self._found.append(row)
                folder_id = row["output_file_folder_id"].item()
                if folder_id and re.fullmatch(_ID, folder_id):
                    folders.setdefault(wanted[file_id], []).append(folder_id)
            elif isinstance(failure, errors.NotFound):
                self._found.append(_rows([file_id], found=False))
            elif isinstance(failure, errors.Forbidden):
                self.refused.add(file_id)
            else:
                continue
            self._open[wanted[file_id]].remove(file_id)
        return folders

    def _list(self, folders: dict[str, list[str]], *, least: int) -> None:
        """List the folder with most files of each batch, if it has enough and was not listed."""
        batches: dict[str, list[str]] = {}
        for batch_id, ids in folders.items():
            folder_id, files = Counter(ids).most_common(1)[0]
            if files >= least and folder_id not in self._listed and self._open[batch_id]:
                batches.setdefault(folder_id, []).append(batch_id)
        self._listed |= batches.keys()
        wanted = {
            folder_id: {file_id for batch_id in inside for file_id in self._open[batch_id]}
            for folder_id, inside in batches.items()
        }
        lists = [
            endpoints.folder_items(folder_id, self.ttl_s, _Enough(ids))
            for folder_id, ids in wanted.items()
        ]
        # If a folder may not be listed, its files are requested one by one.
        for paged, chain, _ in self._fetched(lists):
            folder_id = paged.path[1]
            self._take(folder_id, chain, wanted[folder_id], batches[folder_id])

    def _take(self, folder_id: str, chain: Chain, wanted: set[str], batches: list[str]) -> None:
        """Record the requested files among a folder's items."""
        found: set[str] = set()
        for rows in chain.frames():
            is_wanted = pl.col("output_file_id").is_in(wanted)
            files = rows.filter(pl.col("type") == "file", is_wanted)
            found |= set(files["output_file_id"])
            in_folder = {
                "output_file_found": pl.lit(True),
                "output_file_folder_id": pl.lit(folder_id),
            }
            self._found.append(files.with_columns(**in_folder).select(*_COLUMNS))
        for batch_id in batches:
            self._open[batch_id] = [
                file_id for file_id in self._open[batch_id] if file_id not in found
            ]

    def _fetched(
        self, lists: list[PagedList]
    ) -> Iterator[tuple[PagedList, Chain, errors.BoxDocGenError | None]]:
        """Yield the result of each list; then raise the first error not about a file."""
        if lists:
            fetch = self.run_fetch(lists)
            answers = [
                (paged, fetch.chains[paged].copy(), fetch.failures.get(paged)) for paged in lists
            ]
            self._answers += answers
            yield from answers
            for failure in fetch.failures.values():
                if not isinstance(failure, errors.NotFound | errors.Forbidden):
                    raise failure

    def _checked(self, file_id: str, chain: Chain) -> pl.DataFrame:
        rows = chain.frames()[0]
        row = rows.row(0, named=True)
        if (row["type"], row["output_file_id"]) != ("file", file_id):
            raise errors.BrokenPage(
                f"Box was asked for file {file_id} and answered with {row['type']} "
                f"{row['output_file_id']}. Try again; if it happens again, ask Box's support with "
                f"the request id.\nrequest id {chain.pages[0].request_id}",
                status=200,
                request_id=chain.pages[0].request_id,
            )
        # A file in the trash is answered with 404, but Box documents this field, too.
        if row["item_status"] not in (None, "active"):
            return _rows([file_id], found=False)
        return rows.with_columns(output_file_found=pl.lit(True)).select(*_COLUMNS)

    # --- the evidence --------------------------------------------------------------------------

    def pages(self, origin: str, user: User | None) -> pl.DataFrame:
        """One row per answer of Box (schema.DOCUMENT_PAGES)."""
        rows = []
        for paged, chain, failure in self._answers:
            about = {
                "endpoint": "/folders/:id/items" if paged.paged else "/files/:id",
                "id": paged.path[1],
                "box_version": paged.version,
                "host": origin,
                "user_id": user and user.id,
                "user_login": user and user.login,
            }
            rows += [
                {**about, **page.evidence(), "status": 200, "entries": page.parsed.height}
                for page in chain.pages
            ]
            if isinstance(failure, errors.BoxError):
                rows.append(
                    {
                        **about,
                        "page": len(chain.pages) + 1,
                        "status": failure.status,
                        "entries": 0,
                        "fetched_at": failure.answered_at,
                        "from_cache": False,
                        "box_request_id": failure.request_id,
                        "body_sha256": failure.body_sha256,
                    }
                )
        return pl.DataFrame(rows, schema=DOCUMENT_PAGES)


@dataclass(eq=False)
class _Enough:
    """Ends the listing of a folder once every requested file was found, or as many pages were
    read as there are files, because requesting each file would not cost more."""

    wanted: set[str]

    def __call__(self, chain: Chain) -> bool:
        if len(chain.pages) == 1:
            self._left = set(self.wanted)
        self._left -= set(chain.pages[-1].parsed.rows["output_file_id"])
        return not self._left or len(chain.pages) >= len(self.wanted)


def _rows(file_ids: list[str], *, found: bool) -> pl.DataFrame:
    rows = [{"output_file_id": file_id, "output_file_found": found} for file_id in file_ids]
    return pl.DataFrame(rows, schema=_COLUMNS)
