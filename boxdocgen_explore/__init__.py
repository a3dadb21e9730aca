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

Names are imported on first use, so that importing the package costs little.
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

# Calls and cached pages (DEBUG), waits, retries and restarts (INFO); never a token.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_MODULES: Final = ("analysis", "charts", "errors", "schema")
_NAMES: Final = {
    "auditing": "RULES AuditOptions Rule ThresholdOptions Thresholds audit verdicts",
    "auditing.compare": "compare",
    "auditing.resubmissions": "resubmission",
    "auditing.sampling": "sample sample_recipe sample_size upper_bound",
    "box": "Box DocumentsWarning IncompleteListWarning RetryPolicy connect demo",
    "cache": "StoreWarning",
    "errors": "BoxDocGenError Reading",
    "explorer": "Explorer explore",
    "reporting": "Scope read_report",
    "schema": "User",
    "sealing": "evidence report verify",
}
_MODULE_OF: Final = {name: module for module, names in _NAMES.items() for name in names.split()}

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
    if module := _MODULE_OF.get(name):
        return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
