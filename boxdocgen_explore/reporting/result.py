"""An audit held: what was given, what is left of it, what was found, and the one verdict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import polars as pl

from boxdocgen_explore.analysis import Verdict, verdict
from boxdocgen_explore.auditing import (
    RULES,
    Rule,
    audit,
    read_manifest,
    split_reading,
    verdicts,
)
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.reporting.headline import Seen, verdict_sentence, verdict_word
from boxdocgen_explore.reporting.redaction import Left, leave_out
from boxdocgen_explore.schema import PAGES, TEMPLATES, VERDICTS
from boxdocgen_explore.view.filters import check_state

_CHAIN: Final = ("chain-incomplete", "chain-inconsistent", "foreign-job", "duplicate-job")
_SHARES: Final = ("failed-share", "error-share")


@dataclass(frozen=True)
class Given:
    """A reading, an explorer or a plain frame, taken apart; without evidence no ``pages``."""

    jobs: pl.DataFrame
    pages: pl.DataFrame
    failures: Mapping[str, BoxDocGenError]
    state: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    enterprise_id: str | None = None
    as_user: str | None = None


def given(what: Any) -> Given:
    """Take apart what a report can be made of.

    Raises:
        InvalidRequest: it is none of these.
    """
    if isinstance(getattr(what, "loaded", None), pl.DataFrame):  # an explorer: all its rows
        about = given(what.loaded if what.reading is None else what.reading)
        return replace(about, state=what.state, names=what.view.templates)
    jobs, pages, failures = split_reading(what)
    return Given(
        jobs,
        pl.DataFrame(schema=PAGES) if pages is None else pages,
        failures,
        enterprise_id=getattr(getattr(what, "user", None), "enterprise_id", None),
        as_user=getattr(what, "as_user", None),
    )


@dataclass(frozen=True)
class Scope:
    """What the audit was asked to look at, in a sentence; the batches named here or ``since``.

    ``list_complete`` is False where the list of batches may have gaps; ``listed_at`` (UTC) is when
    the oldest page of that list was read, ``reader`` the login it was read as.
    """

    sentence: str = ""
    since: bool = False
    list_complete: bool = True
    listed_at: dt.datetime | None = None
    reader: str | None = None


@dataclass(frozen=True)
class Audited:
    """All that a report says, before it is written. Frames as in `schema`."""

    jobs: pl.DataFrame
    left: Left
    pages: pl.DataFrame | None
    failures: Mapping[str, BoxDocGenError]
    findings: pl.DataFrame
    verdicts: pl.DataFrame
    rules: Sequence[Rule]
    settings: Mapping[str, Any]
    scope: Scope
    state: Mapping[str, Any]
    names: Mapping[str, str]
    chain: pl.DataFrame
    """What the rules on the evidence found, also where ``rules`` lacks them."""
    held_at: dt.datetime
    enterprise_id: str | None = None
    """The reader's; None where Box did not say."""
    as_user: str | None = None
    """The user id that was asked for in the token's place, if any."""

    @property
    def demo(self) -> bool:
        return self.view_verdict.demo

    @cached_property
    def batches(self) -> list[str]:
        """Ids of all batches, in order of appearance."""
        frames = [self.jobs] if self.pages is None else [self.pages, self.jobs]
        ids = [one for frame in frames for one in frame["batch_id"].unique(maintain_order=True)]
        return list(dict.fromkeys([*self.failures, *(one for one in ids if one is not None)]))

    @cached_property
    def broken(self) -> list[str]:
        """Ids of the batches whose evidence does not show that they were read whole."""
        if not self.chain.height:
            return []
        ids = list(self.chain["batch_id"].drop_nulls().unique(maintain_order=True))
        # A finding that names no batch is about all of them.
        return ids if ids and not self.chain["batch_id"].null_count() else self.batches or [""]

    @property
    def who(self) -> str | None:
        """The login that Box was read as."""
        return self.view_verdict.who or self.scope.reader

    @cached_property
    def view_verdict(self) -> Verdict:
        """The verdict line of the view, which must not say more than the evidence does."""
        return verdict(self.jobs, self.pages, now=self.held_at, failures=self.broken)

    @cached_property
    def seen(self) -> Seen:
        errors = self.findings.filter(pl.col("severity") == "error")["rule"]
        said = (*_CHAIN, *_SHARES)
        passed = self.verdicts.filter(pl.col("verdict") == "passed")["rule"]
        return Seen(
            jobs=self.jobs,
            batches=self.batches,
            broken=self.broken,
            proven=self.pages is not None,
            list_complete=self.scope.list_complete,
            accepted=set(_SHARES) <= set(passed),
            errors=[rule for rule in errors.unique(maintain_order=True) if rule not in said],
        )

    @cached_property
    def as_of(self) -> dt.datetime | None:
        """The oldest moment that anything here was read (UTC)."""
        times = [time for time in (self.view_verdict.read_at, self.scope.listed_at) if time]
        return min(times, default=None)

    @property
    def complete(self) -> bool:
        """Whether all was read, all has ended, and no rule found an error."""
        return verdict_word(self.seen) == "COMPLETE"

    @cached_property
    def verdict(self) -> str:
        """The one sentence; it begins with COMPLETE only if `complete`."""
        return verdict_sentence(
            self.seen, who=self.who, since=self.scope.since, as_of=self.as_of, demo=self.demo
        )


def hold(
    what: Any,
    *,
    scope: Scope | str | None = None,
    templates: Mapping[str, str] | pl.DataFrame | None = None,
    state: Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    redact: str | Collection[str] = (),
    **asked: Any,
) -> Audited:
    """Hold the audit; ``asked`` is what `audit` takes.

    Raises:
        InvalidRequest: as `audit`, `check_state` and `leave_out`.
    """
    about = given(what)
    left = leave_out(about.jobs, columns, redact)
    settings = {name: value for name, value in asked.items() if value is not None}
    rules: Sequence[Rule] = settings.pop("rules", RULES)
    held_at = dt.datetime.now(dt.UTC)
    named = _template_frame(templates, about.names)
    looked_at = Reading(left.jobs, about.pages, about.failures)
    options = {"now": held_at, **settings, "templates": named}
    if "external_id" in left.names and not read_manifest(options.get("expected", _NO_IDS)).counts:
        del options["expected"]
    kept = [rule for rule in rules if rule.name not in left.misled]
    chain = [rule for rule in RULES if rule.name in _CHAIN]
    return Audited(
        jobs=left.jobs,
        left=left,
        pages=about.pages if about.pages.height else None,
        failures=about.failures,
        findings=audit(looked_at, rules=kept, **options),
        verdicts=_in_order(verdicts(looked_at, rules=kept, **options), rules, left),
        rules=rules,
        settings=settings,
        scope=scope if isinstance(scope, Scope) else Scope(scope or ""),
        state=_kept_state(about.state if state is None else state, left),
        names=dict(named.drop_nulls().iter_rows()) if "template_file_id" in left.columns else {},
        chain=audit(looked_at, rules=chain),
        held_at=held_at,
        enterprise_id=about.enterprise_id,
        as_user=about.as_user,
    )


_NO_IDS: Final = pl.DataFrame({"batch_id": [], "jobs": []}, schema={"batch_id": str, "jobs": int})


def _in_order(told: pl.DataFrame, rules: Sequence[Rule], left: Left) -> pl.DataFrame:
    """Add the rules that what was left out would have misled: not evaluated, and why."""
    rows = {row[0]: row for row in told.iter_rows()}
    for rule, names in left.misled.items():
        rows[rule] = (rule, "not evaluated", 0, f"{', '.join(names)} (left out)")
    return pl.DataFrame([rows[rule.name] for rule in rules], schema=VERDICTS, orient="row")


def _kept_state(state: Mapping[str, Any], left: Left) -> dict[str, Any]:
    """Drop the filters by what was left out: they would name it, and show nothing."""
    needs = {"reason": "errors", "text": "errors", "day": "created_at"}
    gone = {key for key in state if needs.get(key, key) in left.names}
    return check_state({key: value for key, value in state.items() if key not in gone})


def _template_frame(
    templates: Mapping[str, str] | pl.DataFrame | None, known: Mapping[str, str]
) -> pl.DataFrame:
    """Names of templates as a frame (`schema.TEMPLATES`), however they were given."""
    if isinstance(templates, pl.DataFrame):
        if missing := [name for name in TEMPLATES if name not in templates.columns]:
            raise InvalidRequest(f"The frame of templates lacks {', '.join(missing)}.")
        return templates.select(list(TEMPLATES))
    names = {**known, **(templates or {})}
    return pl.DataFrame(list(names.items()), schema=TEMPLATES, orient="row")
