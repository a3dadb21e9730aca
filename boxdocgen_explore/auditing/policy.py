"""The policy file (TOML): options by template or batch, and waivers of findings.

Keep it under version control, so that every change has a date and an author.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import polars as pl

from boxdocgen_explore.arguments import checked_path, checked_text, quoted
from boxdocgen_explore.auditing.manifest import read_manifest
from boxdocgen_explore.auditing.options import DEFAULTS, thresholds
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import WAIVED
from boxdocgen_explore.text import counted, what_is_wrong

_ID_OF: Final = {"template": "1755012340011", "batch": "12345600319"}
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings that are accepted until ``expires`` (UTC, inclusive)."""

    rule: _Text
    reason: _Text
    owner: _Text
    expires: dt.date
    batch: _Text | None = None
    template: _Text | None = None

    def __post_init__(self) -> None:
        if self.rule not in {rule.name for rule in RULES}:
            raise ValueError(f"There is no rule {quoted(self.rule)}")
        if not (self.batch or self.template):
            raise ValueError("A waiver needs a batch or a template")
        for kind, pattern in (("batch", self.batch), ("template", self.template)):
            if pattern:
                _check_id(kind, pattern)

    def covers(self, rule: str, batch_id: str | None, templates: Collection[str]) -> bool:
        """Whether it covers a finding of this rule on this batch."""
        named = {"batch": self.batch, "template": self.template}.items()
        return rule == self.rule and all(
            _applies(kind, pattern, batch_id, templates) for kind, pattern in named if pattern
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    defaults: dict[str, Any] = {}
    template: dict[str, dict[str, Any]] = {}
    batch: dict[str, dict[str, Any]] = {}
    waiver: tuple[Waiver, ...] = ()


@dataclass(frozen=True)
class Policy:
    """A checked policy file (`read_policy`): options of `audit` by kind and pattern, waivers."""

    name: str = ""
    sha256: str = ""
    settings: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    """This file and its manifests, by their path relative to it."""

    @property
    def by_template(self) -> bool:
        """Whether it needs the templates of batches."""
        tables = any(kind == "template" for kind, _ in self.settings)
        return tables or any(waiver.template for waiver in self.waivers)

    def options(self, batch_id: str, templates: Collection[str]) -> dict[str, Any]:
        """Return the options for a batch made from these templates."""
        options: dict[str, Any] = {}
        for table, settings in self.settings.items():
            options |= settings if _applies(*table, batch_id, templates) else {}
        return options

    def waive(
        self, findings: pl.DataFrame, templates: Mapping[str, Collection[str]], today: dt.date
    ) -> pl.DataFrame:
        """Give waived findings the severity "waived", and add owner, reason and last day.

        An expired waiver only adds a note.
        """
        rows = findings.to_dicts() if self.waivers else []
        for row in rows:
            about = (row["rule"], row["batch_id"], templates.get(row["batch_id"], ()))
            covering = [waiver for waiver in self.waivers if waiver.covers(*about)]
            one = max(covering, key=lambda waiver: waiver.expires, default=None)
            if one and today <= one.expires:
                row["severity"] = WAIVED
                row["detail"] += f" Waived by {one.owner} until {one.expires}: {one.reason}"
            elif one:
                row["detail"] += f" The waiver by {one.owner} expired on {one.expires}."
        return pl.DataFrame(rows, schema=findings.schema) if rows else findings

    def unused(self, findings: pl.DataFrame, templates: Mapping[str, Collection[str]]) -> list[str]:
        """Report tables that match no batch, and waivers that match no finding."""
        found = findings.select("rule", "batch_id").unique().rows()
        tables = [
            f'The table [{kind}."{pattern}"] of the policy matches no batch here.'
            for kind, pattern in self.settings
            if not any(_applies(kind, pattern, *batch) for batch in templates.items())
        ]
        return (tables if templates else []) + [
            f"This waiver matched nothing: {waiver.rule}, {waiver.owner}, until {waiver.expires}."
            for waiver in self.waivers
            if not any(waiver.covers(rule, one, templates.get(one, ())) for rule, one in found)
        ]

    def __str__(self) -> str:
        manifests = [
            f"manifest {name} (SHA-256 {hashlib.sha256(content).hexdigest()})"
            for name, content in self.files.items()
            if name != self.name
        ]
        about = [counted(len(self.waivers), "waiver"), *manifests]
        return f"{self.name} (SHA-256 {self.sha256}), {', '.join(about)}"


def _applies(kind: str, pattern: str, batch_id: str | None, templates: Collection[str]) -> bool:
    """Whether a table covers a batch; only "*" also covers several batches together (None)."""
    names = templates if kind == "template" else [batch_id or ""]
    return pattern == "*" or any(fnmatchcase(name, pattern) for name in names if name)


def read_policy(source: str | os.PathLike[str] | Policy | None) -> Policy:
    """Read and check a policy file; None is a policy without settings and waivers.

    Tables, all optional: ``defaults``; ``template.ID`` and ``batch.ID``, whose ids may contain
    ``*`` and ``?``; ``waiver``. Later tables override earlier ones, in this order, and arguments of
    `audit` override all. A batch made from several templates gets the tables of each. Keys are
    those of `Thresholds` and ``manifest`` (a path, relative to this file). A waiver names a
    ``batch``, a ``template``, or both; "*" includes findings on several batches.

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
    settings = {}
    with _at(path.name):
        file = msgspec.convert(document, _File)
        tables = {"defaults": {"*": file.defaults}, "template": file.template, "batch": file.batch}
        for kind, by_pattern in tables.items():
            for pattern, table in by_pattern.items():
                with _at("[defaults]" if kind == "defaults" else f'[{kind}."{pattern}"]'):
                    _check_id(kind, pattern)
                    settings[kind, pattern] = _settings(path, table)
    files = {
        name: (path.parent / Path(name).expanduser()).read_bytes()
        for name in named_manifests(content)
    }
    files[path.name] = content
    return Policy(path.name, hashlib.sha256(content).hexdigest(), settings, file.waiver, files)


def named_manifests(content: bytes) -> list[str]:
    """Return the paths of the manifests in a policy file, without reading them."""
    file = msgspec.convert(tomllib.loads(content.decode()), _File)
    tables = [file.defaults, *file.template.values(), *file.batch.values()]
    return [str(table["manifest"]) for table in tables if "manifest" in table]


def _check_id(kind: str, pattern: str) -> None:
    """Refuse a name, which would match nothing and so check nothing."""
    if re.search(r"\s|[^\W\d_]{3}", pattern):
        raise InvalidRequest(
            f"a {kind} is named by its id, such as {_ID_OF[kind]}, which may contain * and ?; "
            f"{quoted(pattern)} is a name."
        )


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Add the place to errors."""
    try:
        yield
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}: {error}") from None
    except msgspec.ValidationError as error:
        known = (Waiver if "`$.waiver" in str(error) else _File).__struct_fields__
        text = what_is_wrong(str(error), known, object="a table")
        raise InvalidRequest(f"{place}: {text}.") from None


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of a policy, each as `audit` does.

    Raises:
        InvalidRequest: one is unknown or invalid.
    """
    known = (*DEFAULTS, "manifest")
    if unknown := [name for name in settings if name not in known]:
        raise InvalidRequest(f"no key is called {quoted(unknown[0])}; known: {', '.join(known)}.")
    thresholds({name: settings[name] for name in settings if name in DEFAULTS})
    return dict(settings)


def _settings(path: Path, table: Any) -> dict[str, Any]:
    options = checked_settings(table)
    if "manifest" in options:
        name = checked_text("manifest", options.pop("manifest"))
        options["expected"] = path.parent / Path(name).expanduser()
        read_manifest(options["expected"])
    return options
