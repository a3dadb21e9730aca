"""Other processes that read the same batches, to be interrupted, killed and run side by side."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator

READER = f"""
import json, sys
from boxdocgen_explore.box import connect
from boxdocgen_explore.box.retry import RetryPolicy

url, folder, ids, limit, waits = sys.argv[1:]
waits = RetryPolicy(**json.loads(waits))
told = set()

def progress(pages, jobs, waiting):
    if waiting and waiting not in told:
        told.add(waiting)
        print(waiting, flush=True)

with connect({DEMO_TOKEN!r}, base_url=url, cache_dir=folder, retry=waits) as box:
    print("ready", flush=True)
    sys.stdin.readline()
    jobs = box.read(ids.split(","), limit=int(limit), progress=progress).jobs
    print(jobs["job_id"].n_unique(), jobs.height, flush=True)
"""

QUICK = '{"calls_per_minute": 1000000, "read_timeout_s": 3000}'


def reader(
    emulator: Emulator, folder: Path, ids: Sequence[str], *, limit: int = 1, retry: str = QUICK
) -> subprocess.Popen[str]:
    """A process that reads once it is told to, by a line on its standard input."""
    arguments = [emulator.url, str(folder), ",".join(ids), str(limit), retry]
    return _started([sys.executable, "-W", "error", "-c", READER, *arguments])


def command(emulator: Emulator, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command line, as a process."""
    where = ["--base-url", emulator.url, "--cache-dir", str(folder)]
    program = [sys.executable, "-m", "boxdocgen_explore.cli"]
    return _started([*program, *arguments, *where])


def _started(program: list[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    environment = {"BOX_ACCESS_TOKEN": DEMO_TOKEN, "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        program, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
    )


def go(child: subprocess.Popen[str]) -> None:
    """Let a reader read."""
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def said(child: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def asked(emulator: Emulator, path: str) -> int:
    return sum(call.path == path for call in emulator.calls)


def wait_until_asked(child: subprocess.Popen[str], emulator: Emulator, path: str, n: int) -> None:
    """Until so many calls for this path have come in; the child must be alive till then."""
    while asked(emulator, path) < n:
        assert child.poll() is None, child.stderr and child.stderr.read()
