"""The rules, in one file per subject; each is declared at its function with `@rule`."""

from __future__ import annotations

from typing import Final

from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import (
    documents,
    jobs,
    manifest,
    messages,
    origins,
    outputs,
    pages,
    statuses,
    templates,
)

RULES: Final[tuple[Rule, ...]] = tuple(
    value
    for file in (pages, jobs, outputs, documents, statuses, templates, origins, manifest, messages)
    for value in vars(file).values()
    if isinstance(value, Rule)
)
"""Every rule, in the order of reports: by file, in the order of declaration."""
