r"""See what happened to a Box Doc Gen batch: read it completely, count it, compare it, prove it.

>>> import boxdocgen_explore as bx
>>> box = bx.demo()
>>> reading = box.read("12345600319")
>>> print(*reading.verdict.split(" · "), sep="\n")
1,487 of 3,000 failed, 1,412 of them because the tag offer.relocation_allowance was not provided
all 3 pages read
as svc-hr@example.com
just now
demo data
>>> box.close()

Names are imported when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from boxdocgen_explore import analysis, charts, errors, schema
    from boxdocgen_explore.auditing import (
        RULES,
        AuditOptions,
        Rule,
        ThresholdOptions,
        Thresholds,
        audit,
        verdicts,
    )
    from boxdocgen_explore.auditing.compare import compare
    from boxdocgen_explore.auditing.resubmissions import resubmission
    from boxdocgen_explore.auditing.sampling import sample, sample_recipe, sample_size, upper_bound
    from boxdocgen_explore.box import (
        Box,
        DocumentsWarning,
        IncompleteListWarning,
        RetryPolicy,
        connect,
        demo,
    )
    from boxdocgen_explore.cache import StoreWarning
    from boxdocgen_explore.errors import BoxDocGenError, Reading
    from boxdocgen_explore.explorer import Explorer, explore
    from boxdocgen_explore.reporting import Scope, read_report
    from boxdocgen_explore.schema import User
    from boxdocgen_explore.sealing import evidence, report, verify

__version__ = "0.1.0"

# Calls and cached pages (DEBUG), waits, repeats and restarts (INFO); never a token.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_MODULES: Final = ("analysis", "charts", "errors", "schema")
_NAMES: Final = {
    "RULES": "auditing",
    "AuditOptions": "auditing",
    "Box": "box",
    "BoxDocGenError": "errors",
    "DocumentsWarning": "box",
    "Explorer": "explorer",
    "IncompleteListWarning": "box",
    "Reading": "errors",
    "RetryPolicy": "box",
    "Rule": "auditing",
    "Scope": "reporting",
    "StoreWarning": "cache",
    "ThresholdOptions": "auditing",
    "Thresholds": "auditing",
    "User": "schema",
    "audit": "auditing",
    "compare": "auditing.compare",
    "connect": "box",
    "demo": "box",
    "evidence": "sealing",
    "explore": "explorer",
    "read_report": "reporting",
    "report": "sealing",
    "resubmission": "auditing.resubmissions",
    "sample": "auditing.sampling",
    "sample_recipe": "auditing.sampling",
    "sample_size": "auditing.sampling",
    "upper_bound": "auditing.sampling",
    "verdicts": "auditing",
    "verify": "sealing",
}

__all__ = [
    "RULES",
    "AuditOptions",
    "Box",
    "BoxDocGenError",
    "DocumentsWarning",
    "Explorer",
    "IncompleteListWarning",
    "Reading",
    "RetryPolicy",
    "Rule",
    "Scope",
    "StoreWarning",
    "ThresholdOptions",
    "Thresholds",
    "User",
    "analysis",
    "audit",
    "charts",
    "compare",
    "connect",
    "demo",
    "errors",
    "evidence",
    "explore",
    "read_report",
    "report",
    "resubmission",
    "sample",
    "sample_recipe",
    "sample_size",
    "schema",
    "upper_bound",
    "verdicts",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
