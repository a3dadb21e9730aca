"""A reading or a jobs frame goes in; what the rules found comes out, one row per finding.

A rule is declared at its function, in the file of its subject (`auditing.rules`). What it may
need is in `auditing.needs`; `evaluate` runs all rules once.
"""

from __future__ import annotations

from boxdocgen_explore.auditing.evaluation import (
    audit,
    checked_rules,
    evaluate,
    evaluate_by_batch,
    requested,
    verdicts,
)
from boxdocgen_explore.auditing.inputs import AuditInput, conform, split_reading
from boxdocgen_explore.auditing.manifest import Manifest, read_manifest
from boxdocgen_explore.auditing.options import AuditOptions, Thresholds
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import RULES

__all__ = [
    "RULES",
    "AuditInput",
    "AuditOptions",
    "Manifest",
    "Rule",
    "Thresholds",
    "audit",
    "checked_rules",
    "conform",
    "evaluate",
    "evaluate_by_batch",
    "read_manifest",
    "requested",
    "split_reading",
    "verdicts",
]
