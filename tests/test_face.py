"""The public names of the package, and the cost of importing it."""

import inspect
import subprocess
import sys

import pytest

import boxdocgen_explore as bx

FACE = {
    "RULES",
    "AuditOptions",
    "ThresholdOptions",
    "Thresholds",
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
}
HEAVY = ("requests", "requests_cache", "altair", "anywidget", "ipywidgets", "tornado", "vl_convert")


def test_the_face_is_what_it_is_said_to_be():
    assert set(bx.__all__) == FACE
    assert {name for name in dir(bx) if not name.startswith("_")} == FACE


def test_every_name_of_the_face_is_there_and_says_what_it_is():
    for name in FACE - {"RULES"}:
        assert inspect.getdoc(getattr(bx, name)), name


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(bx, "unknown")


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, boxdocgen_explore; print([n for n in {HEAVY!r} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.thorough
def test_submodules_never_hide_the_names_of_the_face():
    code = """
import importlib, pkgutil, boxdocgen_explore as bx
for module in pkgutil.walk_packages(bx.__path__, "boxdocgen_explore."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import types
modules = {"analysis", "charts", "errors", "schema"}
print([n for n in bx.__all__ if isinstance(getattr(bx, n), types.ModuleType) != (n in modules)])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
