"""An emulator for the commands; the JSON of every audit is checked against the schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import boxdocgen_explore
from boxdocgen_explore.cli import audit_outputs
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise

SCHEMA = Path(boxdocgen_explore.__file__).parent / "reporting" / "audit.schema.json"


@pytest.fixture
def sizes() -> dict[str, int]:
    """The batches of `box`, and how many jobs each has."""
    return {"1001": 25, "1002": 3}


@pytest.fixture
def box(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sizes: dict[str, int]
) -> Iterator[Emulator]:
    """An emulator with good batches, and options to read it."""
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    with Emulator(enterprise=Enterprise.of(sizes)) as emulator:
        emulator.options = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
        yield emulator


@cache
def checker() -> Any:
    from jsonschema import Draft202012Validator  # altair needs it, too

    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.fixture
def errors() -> Callable[[Any], list[str]]:
    """The violations of the schema in a value."""
    return lambda value: [error.message for error in checker().iter_errors(value)]


@pytest.fixture(autouse=True)
def _schema_holds(monkeypatch: pytest.MonkeyPatch, errors: Callable[[Any], list[str]]) -> None:
    as_json = audit_outputs.as_json

    def checked(*arguments: Any) -> str:
        text = as_json(*arguments)
        assert errors(json.loads(text)) == []
        return text

    monkeypatch.setattr(audit_outputs, "as_json", checked)
