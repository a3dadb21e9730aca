"""The policy file (TOML): what batches must meet, by template or id, and which findings are waived.

Keep it under version control: then every change of what is accepted has a date and an author.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import polars as pl

from boxdocgen_explore.arguments import checked, checked_path, checked_text, checked_texts, quoted
from boxdocgen_explore.auditing.manifest import read_manifest
from boxdocgen_explore.auditing.options import Thresholds, thresholds
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import WAIVED
from boxdocgen_explore.text import counted

_THRESHOLDS: Final = {one.name: one.default for one in fields(Thresholds)}
_LISTS: Final = ("approved_versions", "output_type")
KEYS: Final[Mapping[str, Any]] = {**_THRESHOLDS, **dict.fromkeys(_LISTS)}
"""The options that a policy may set, with their defaults; it may name a manifest besides."""
_WAIVER: Final = ("rule", "reason", "owner", "expires")


@dataclass(frozen=True)
class Waiver:
    """Findings that are accepted; ``pattern`` names a ``kind`` ("batch" or "template"), and
    ``expires`` is the last day (UTC)."""

    rule: str
    reason: str
    owner: str
    expires: dt.date
    kind: str
    pattern: str


@dataclass(frozen=True)
class Policy:
    """A checked policy file (`read_policy`): options of `audit` by kind and pattern, waivers."""

    name: str = ""
    sha256: str = ""
    settings: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    def options(self, batch_id: str, templates: Collection[str]) -> dict[str, Any]:
        """Give the options for a batch that was made from these templates."""
        options: dict[str, Any] = {}
        for table, settings in self.settings.items():
            options |= settings if _applies(*table, batch_id, templates) else {}
        return options

    def waive(
        self, findings: pl.DataFrame, templates: Mapping[str, Collection[str]], today: dt.date
    ) -> pl.DataFrame:
        """Mark what is waived by the severity "waived", and say who, why and until when.

        An expired waiver only adds that it expired.
        """
        rows = findings.to_dicts() if self.waivers else []
        for row in rows:
            batch_id = row["batch_id"]
            used = templates.get(batch_id, ())
            of_rule = [one for one in self.waivers if one.rule == row["rule"]]
            covering = [one for one in of_rule if _applies(one.kind, one.pattern, batch_id, used)]
            one = max(covering, key=lambda waiver: waiver.expires, default=None)
            if one and today <= one.expires:
                row["severity"] = WAIVED
                row["detail"] += f" Waived by {one.owner} until {one.expires}: {one.reason}"
            elif one:
                row["detail"] += f" The waiver by {one.owner} expired on {one.expires}."
        return pl.DataFrame(rows, schema=findings.schema) if rows else findings

    def __str__(self) -> str:
        return f"{self.name} (SHA-256 {self.sha256}), {counted(len(self.waivers), 'waiver')}"


def _applies(kind: str, pattern: str, batch_id: str | None, templates: Collection[str]) -> bool:
    """Whether a table is about a batch; only "*" is also about several batches together (None)."""
    names = templates if kind == "template" else [batch_id or ""]
    return pattern == "*" or any(fnmatchcase(name, pattern) for name in names if name)


def read_policy(source: str | os.PathLike[str] | Policy | None) -> Policy:
    """Read and check a policy file; None is a policy without settings and waivers.

    Tables, all optional: ``defaults``; ``template.ID`` and ``batch.ID``, whose ids may contain
    ``*`` and ``?``; ``waiver``. Later tables win over earlier ones, in the order named here, and
    what is given to `audit` wins over all. A batch made from several templates gets the tables of
    each. Keys are those of `Thresholds`, ``approved_versions``, ``output_type`` and ``manifest`` (a
    path, relative to this file). A waiver names a ``batch`` or a ``template``; "*" includes
    findings on several batches.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "policy.toml"
    >>> _ = path.write_text('''
    ... [defaults]
    ... max_failed_share = 0.01
    ... creators = ["svc-hr@example.com"]
    ... [template.1755012340011]
    ... approved_versions = ["1880000000005"]
    ... output_type = "pdf"
    ... [batch."1234560*"]
    ... max_failed_share = 0.05
    ... [[waiver]]
    ... rule = "several-templates"
    ... batch = "12345600319"
    ... reason = "Letters and annexes in one request, as agreed with Legal."
    ... owner = "Dana Ruiz"
    ... expires = 2026-12-31
    ... ''')
    >>> read_policy(path).options("12345600319", templates=["1755012340012"])
    {'max_failed_share': 0.05, 'creators': ['svc-hr@example.com']}

    Raises:
        InvalidRequest: it cannot be read, or a table or key is unknown or invalid.
    """
    if source is None or isinstance(source, Policy):
        return source or Policy()
    path = checked_path("policy", source)
    try:
        content = path.read_bytes()
        document = tomllib.loads(content.decode())
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path.name} is not TOML: {error}.") from None
    settings, waivers = {}, []
    with _at(path.name):
        _check_keys(document, ("defaults", "template", "batch", "waiver"), "table")
        for kind in ("defaults", "template", "batch"):
            tables = checked(kind, document.get(kind, {}), dict, "a table")
            for pattern, table in ({"*": tables} if kind == "defaults" else tables).items():
                with _at("[defaults]" if kind == "defaults" else f'[{kind}."{pattern}"]'):
                    settings[kind, pattern] = _settings(path, table)
        tables = checked("waiver", document.get("waiver", []), list, "[[waiver]] tables")
        for number, table in enumerate(tables, start=1):
            with _at(f"[[waiver]] {number}"):
                waivers.append(_waiver(table))
    return Policy(path.name, hashlib.sha256(content).hexdigest(), settings, tuple(waivers))


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Name the place in an error."""
    try:
        yield
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}: {error}") from None


def _check_keys(table: Any, known: Collection[str], noun: str = "key") -> None:
    for name in checked("this", table, dict, "a table").keys() - {*known}:
        raise InvalidRequest(f"no {noun} is called {quoted(name)}; known: {', '.join(known)}.")


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options that a policy may set, each as `audit` does.

    Raises:
        InvalidRequest: one is unknown or invalid.
    """
    _check_keys(settings, (*KEYS, "manifest"))
    thresholds({name: settings[name] for name in _THRESHOLDS if name in settings})
    for name in _LISTS:
        checked_texts(name, settings.get(name, ""))
    return dict(settings)


def _settings(path: Path, table: Any) -> dict[str, Any]:
    options = checked_settings(table)
    if "manifest" in options:
        options["expected"] = path.parent / checked_text("manifest", options.pop("manifest"))
        read_manifest(options["expected"])
    return options


def _waiver(table: Any) -> Waiver:
    _check_keys(table, (*_WAIVER, "batch", "template"))
    kinds = [kind for kind in ("batch", "template") if kind in table]
    if len(kinds) != 1 or len(table) <= len(_WAIVER):
        raise InvalidRequest(f"it needs {', '.join(_WAIVER)}, and either batch or template.")
    for name in table.keys() - {"expires"}:
        if not checked_text(name, table[name]).strip():
            raise InvalidRequest(f"{name} must not be empty.")
    given = {name: table[name] for name in _WAIVER}
    if given["rule"] not in {rule.name for rule in RULES}:
        raise InvalidRequest(f"there is no rule {quoted(given['rule'])}.")
    if type(given["expires"]) is not dt.date:  # a time is a date, too
        expires = quoted(given["expires"])
        raise InvalidRequest(f"expires must be a date such as 2026-12-31, not {expires}.")
    return Waiver(**given, kind=kinds[0], pattern=table[kinds[0]])
