"""Text for people: harmless data from Box, correct numbers, atomic files."""

from __future__ import annotations

import datetime as dt
import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boxdocgen_explore import text

any_text = st.text(st.characters(exclude_categories=()))


@given(any_text)
@example("\ud800 \u202e \u200b \x1b[2J \x00")
def test_visible_text_hides_nothing_and_commands_nothing(untrusted: str) -> None:
    safe = text.visible(untrusted)
    safe.encode()
    assert not [c for c in safe if unicodedata.category(c) == "Cc" and c not in "\t\n"]
    assert not [c for c in safe if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLI", "PDF")]
    assert text.visible(safe) == safe


@given(any_text, st.integers(1, 20))
def test_shortened_text_has_at_most_so_many_characters_and_shows_the_cut(
    long: str, longest: int
) -> None:
    short = text.shortened(long, longest)
    assert len(short) <= longest
    assert short == long or (short.endswith("…") and long.startswith(short[:-1]))


def test_counts_and_lists_are_plain_english() -> None:
    assert [text.counted(n, "page") for n in (0, 1, 1234)] == ["0 pages", "1 page", "1,234 pages"]
    assert text.listed("abcdefg") == "a, b, c, d, e and 2 more"
    assert text.listed(["a", None]) == "a, none"


@given(st.floats(0, 1))
@example(0.0005)
@example(0.0009999999)
@example(0.9995)
@example(0.99949999999)
def test_a_percentage_never_rounds_something_to_nothing_or_to_everything(share: float) -> None:
    written = text.percent(share)
    assert (written == "0 %") == (share == 0)
    assert (written == "100 %") == (share == 1)
    number = float(re.search(r"\d+(\.\d)?", written)[0])  # type: ignore[index]
    assert abs(number - 100 * share) <= 0.1


@given(st.timedeltas())
def test_a_duration_is_a_count_and_never_negative(delta: dt.timedelta) -> None:
    assert re.fullmatch(r"\d[\d,]* (s|min|h|days)", text.duration(delta))


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 days")],
)  # fmt: skip
def test_a_duration_has_the_unit_that_people_use(seconds: int, written: str) -> None:
    assert text.duration(dt.timedelta(seconds=seconds)) == written


aware = st.datetimes(timezones=st.timezones(), min_value=dt.datetime(1900, 1, 2))


@given(aware, aware)
def test_times_are_utc_whatever_their_zone_and_sort_as_text(
    one: dt.datetime, other: dt.datetime
) -> None:
    first, second = text.timestamp(one), text.timestamp(other)
    parsed = dt.datetime.strptime(first, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=dt.UTC)
    assert parsed == one.astimezone(dt.UTC).replace(microsecond=0)
    assert (first < second) == (parsed < other.astimezone(dt.UTC).replace(microsecond=0))
    utc = one.astimezone(dt.UTC)
    assert text.moment(one) == f"{utc.day} {utc:%b %Y %H:%M} UTC"


# --- files ---------------------------------------------------------------------------------------


def write(path: Path, content: str = "new", **options: bool) -> None:
    with text.replacing(path, **options) as part:
        part.write_text(content, "utf-8")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_while_writing_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("old", "utf-8")

    def fail_halfway() -> None:
        with text.replacing(path) as part:
            part.write_text("half of the n", "utf-8")
            raise error

    with pytest.raises(type(error)):
        fail_halfway()
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("umask", "private", "expected"),
    [(0o022, False, 0o644), (0o077, False, 0o600), (0o022, True, 0o600)],
)
def test_a_new_file_follows_the_umask_or_is_private(
    tmp_path: Path, umask: int, private: bool, expected: int
) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "jobs.csv", private=private)
    finally:
        os.umask(before)
    assert mode(tmp_path / "jobs.csv") == expected


def test_a_file_that_is_replaced_keeps_its_permissions_but_a_private_one_is_always_private(
    tmp_path: Path,
) -> None:
    path = tmp_path / "notebook.ipynb"
    path.touch()
    for before, private, after in (
        (0o600, False, 0o600),
        (0o664, False, 0o664),
        (0o664, True, 0o600),
    ):
        path.chmod(before)
        write(path, private=private)
        assert mode(path) == after


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path, exists: bool) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    if exists:
        target.write_text("old", "utf-8")
    write(link)
    assert link.is_symlink()
    assert target.read_text("utf-8") == "new"


def test_a_name_of_255_bytes_is_written(tmp_path: Path) -> None:
    write(tmp_path / ("x" * 251 + ".csv"))
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


@pytest.mark.parametrize("name", ["no-such-folder/jobs.csv", ".", "x" * 256])
def test_an_impossible_path_is_an_oserror(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_an_ordinary_file_is_written_directly(tmp_path: Path) -> None:
    """Only pipes of this test: a fault here, run as root, would replace a device of the machine."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    readable = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    write(fifo)
    assert os.read(readable, 10) == b"new"
    os.close(readable)
    assert fifo.is_fifo()
    readable, writable = os.pipe()
    write(Path(f"/dev/fd/{writable}"))
    assert os.read(readable, 10) == b"new"
    os.close(readable)
    os.close(writable)
