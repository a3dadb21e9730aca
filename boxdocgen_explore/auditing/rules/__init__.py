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

_IN_ORDER: Final = (
    pages,
    jobs,
    outputs,
    documents,
    statuses,
    templates,
    origins,
    manifest,
    messages,
)

RULES: Final[tuple[Rule, ...]] = tuple(
    value for module in _IN_ORDER for value in vars(module).values() if isinstance(value, Rule)
)
"""Every rule, in the order of a report: file by file, as they are declared there."""
