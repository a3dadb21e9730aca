"""The manifest: valid forms, and how invalid ones are refused."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from boxdocgen_explore.auditing import read_manifest
from boxdocgen_explore.auditing.manifest import control_total
from boxdocgen_explore.errors import InvalidRequest

DOCUMENTED = Path(__file__).parents[2] / ".github" / "docs" / "audits.md"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"external_id,name\n007,Bond\n008,Bill\n",
        b"\xef\xbb\xbfexternal_id;name\r\n007;Bond\r\n008;Bill\r\n",
        b"name\texternal_id \nBond\t007\n\nBill\t008\n",
    ],
)
def test_a_csv_keeps_leading_zeros_whatever_its_separator(tmp_path: Path, content: bytes) -> None:
    manifest = read_manifest(written(tmp_path, content))
    assert manifest.rows.select("external_id", "name").rows() == [("007", "Bond"), ("008", "Bill")]
    assert manifest.key == ("external_id",)
    assert not manifest.counts


def test_a_csv_of_counts_has_whole_numbers(tmp_path: Path) -> None:
    manifest = read_manifest(str(written(tmp_path, b"batch_id,jobs\n10,3000\n")))
    assert manifest.rows.rows() == [("10", 3000)]
    assert manifest.counts


def test_numbers_as_ids_in_a_frame_become_text() -> None:
    manifest = read_manifest(pl.DataFrame({"batch_id": [10], "external_id": [7]}))
    assert manifest.rows.rows() == [("10", "7")]
    assert manifest.key == ("batch_id", "external_id")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not a CSV table: empty CSV."),
        (b"external_id\n\xe4\n", "is not UTF-8 text; save it as CSV UTF-8."),
        ("external_id\n7\n".encode("utf-16"), "is not UTF-8 text; save it as CSV UTF-8."),
        (
            b"name\nBond\n",
            "needs a column external_id, or the columns batch_id and jobs; it has name.",
        ),
        (b"external_id,name\n7,Bond\n,Bill\n", "has no external_id in row 2."),
        (b"external_id\n7\n8\n7\n", "has external_id 7 2 times; every row must be unique."),
        (
            b"external_id,batch_id\n7,10\n7,10\n",
            "has external_id 7 of batch 10 2 times; every row must be unique.",
        ),
        (b"batch_id,jobs\n10,many\n", "has jobs 'many' in row 1; it must be a count."),
        (b"external_id\n7,8\n", "is not a CSV table: "),
        (b"external_id,name\n", "has no rows, so nothing could be checked against it."),
    ],
)
def test_an_invalid_csv_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_manifest(written(tmp_path, content))
    assert str(refused.value).startswith(f"The manifest people.csv {fault}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"people\.csv cannot be read: No such file"):
        read_manifest(tmp_path / "people.csv")


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"external_id": [7.0]}, "must have external_id as text, not Float64."),
        ({"batch_id": ["10"], "jobs": [1.5]}, "must have jobs as integers, not Float64."),
        ({"batch_id": ["10"], "jobs": [-1]}, "has jobs -1 in row 1; it must be a count."),
    ],
)
def test_an_invalid_frame_is_refused_in_a_sentence(columns: Any, fault: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_manifest(pl.DataFrame(columns))
    assert str(refused.value) == f"The manifest {fault}"


def test_anything_else_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="a path to a CSV file or a frame, not int"):
        read_manifest(7)  # type: ignore[arg-type]


def documented(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENTED.read_text("utf-8"), re.DOTALL)


def test_the_documented_manifests_are_valid(tmp_path: Path) -> None:
    manifests = [read_manifest(written(tmp_path, one.encode())) for one in documented("csv")]
    keys = [("external_id",), ("batch_id",), ("batch_id", "external_id")]
    assert [one.key for one in manifests] == keys


def test_the_documented_command_makes_a_control_total(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes("b\r\nÄ\r\na\r\nB\r\na".encode())
    command = next(one for one in documented("sh") if "control-total" in one)
    done = subprocess.run(
        ["bash", "-euc", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    count, digest = control_total(["a", "b", "B", "Ä"])
    assert done.stdout == f"--control-total {count} {digest}\n"
