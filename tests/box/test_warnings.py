"""Every warning names the line that called the package, also if a worker thread raised it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from full_disk import full_disk

import boxdocgen_explore as bx
from boxdocgen_explore import cache, cli, errors
from boxdocgen_explore.box import Box, IncompleteListWarning
from boxdocgen_explore.cache import StoreWarning
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust


def here(caught: pytest.WarningsRecorder) -> bool:
    return {one.filename for one in caught} == {__file__}


@pytest.mark.parametrize("ask", [lambda box: box.read("1001"), Box.batches, Box.cached])
def test_a_user_that_box_does_not_identify(emulator: Emulator, box: Box, ask: Any) -> None:
    emulator.fault("forbidden", path="/users/me", times=None)
    with pytest.warns(StoreWarning, match="nothing is cached on disk") as caught:
        ask(box)
    assert here(caught)


def test_a_page_that_cannot_be_cached(box: Box) -> None:
    box.read("1003")
    with full_disk(10_000), pytest.warns(StoreWarning, match="could not be cached") as caught:
        box.read("1001")
    assert here(caught)


def test_a_folder_that_cannot_be_used(connected: Callable[..., Box], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(StoreWarning, match="nothing is cached") as caught:
        connected(cache_dir=tmp_path / "file").read(["1001", "1003"])
    assert here(caught)


def test_a_list_that_moves(emulator: Emulator, box: Box) -> None:
    box.read("1003")
    emulator.fault("500", path="/docgen_batch_jobs/1001", page=2, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10)
    with pytest.warns(IncompleteListWarning, match="1 batch left out") as caught:
        box.scan().collect()
    assert here(caught)


def test_an_old_name(box: Box) -> None:
    with pytest.warns(DeprecationWarning, match="IncompleteListWarning") as caught:
        from boxdocgen_explore.box import NotWhole  # noqa: F401
    assert here(caught)


def test_a_user_without_a_home_folder(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container: no HOME, and a user id without a passwd entry."""
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.warns(StoreWarning, match="set BOXDOCGEN_CACHE_DIR or HOME") as caught:
        box = bx.connect("t", base_url=emulator.url)
    assert here(caught)
    box.close()
    with pytest.raises(errors.StoreError, match="no place for the cache"):
        bx.connect("t", base_url=emulator.url, offline=True)
    with pytest.raises(errors.StoreError):
        cache.default_cache_dir()
    assert cli.main(["cache", "info"]) == 2
    monkeypatch.setenv("BOXDOCGEN_CACHE_DIR", str(tmp_path))
    assert cache.default_cache_dir() == tmp_path
    monkeypatch.setenv("BOXDOCGEN_CACHE_DIR", "~nosuchuser")
    with pytest.raises(errors.StoreError):
        cache.default_cache_dir()


def test_a_reading_in_a_daemon_without_standard_error(
    emulator: Emulator, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.fault("rate-limit", path="/docgen_batch_jobs/1001", times=1, retry_after=0)
    monkeypatch.setattr(sys, "stderr", None)
    assert box.read("1001").jobs.height == 25
