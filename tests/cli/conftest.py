"""Every JSON that an audit prints in these tests must be what the schema says."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import boxdocgen_explore
from boxdocgen_explore.cli import audit_outputs

SCHEMA = Path(boxdocgen_explore.__file__).parent / "reporting" / "audit.schema.json"


@cache
def checker() -> Any:
    from jsonschema import Draft202012Validator  # altair needs it, too

    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.fixture
def errors() -> Callable[[Any], list[str]]:
    """What the schema says against a value."""
    return lambda value: [error.message for error in checker().iter_errors(value)]


@pytest.fixture(autouse=True)
def _schema_holds(monkeypatch: pytest.MonkeyPatch, errors: Callable[[Any], list[str]]) -> None:
    as_json = audit_outputs.as_json

    def checked(*arguments: Any) -> str:
        text = as_json(*arguments)
        assert errors(json.loads(text)) == []
        return text

    monkeypatch.setattr(audit_outputs, "as_json", checked)
