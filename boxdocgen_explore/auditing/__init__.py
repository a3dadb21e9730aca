"""A reading or a jobs frame goes in; one row per finding comes out.

Each rule is declared at its function, in the file of its subject (`auditing.rules`). The inputs
that rules may need are in `auditing.needs`.
"""

from __future__ import annotations

from boxdocgen_explore.auditing.evaluation import audit, verdicts
from boxdocgen_explore.auditing.grouped import Evaluation, batch_verdicts, combined, evaluations
from boxdocgen_explore.auditing.inputs import (
    AuditInput,
    audit_input,
    checked_reading,
    conform,
    without,
)
from boxdocgen_explore.auditing.manifest import Manifest, read_manifest, reconciled
from boxdocgen_explore.auditing.options import (
    ABOUT,
    DEFAULTS,
    AuditOptions,
    InputOptions,
    ThresholdOptions,
    Thresholds,
    flag,
)
from boxdocgen_explore.auditing.policy import Policy, named_manifests, read_policy
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.auditing.running import checked_rules

__all__ = [
    "ABOUT",
    "DEFAULTS",
    "RULES",
    "AuditInput",
    "AuditOptions",
    "Evaluation",
    "InputOptions",
    "Manifest",
    "Policy",
    "Rule",
    "ThresholdOptions",
    "Thresholds",
    "audit",
    "audit_input",
    "batch_verdicts",
    "checked_reading",
    "checked_rules",
    "combined",
    "conform",
    "evaluations",
    "flag",
    "named_manifests",
    "read_manifest",
    "read_policy",
    "reconciled",
    "verdicts",
    "without",
]
