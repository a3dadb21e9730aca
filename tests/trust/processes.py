"""Other processes that read the same batches, to be interrupted, killed and run side by side."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from batch import calls_to

from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator

READER = f"""
import json, sys
import boxdocgen_explore as bx

url, folder, ids, limit, policy = sys.argv[1:]
policy = bx.RetryPolicy(**json.loads(policy))
printed = set()

def progress(pages, jobs, waiting):
    if waiting and waiting not in printed:
        printed.add(waiting)
        print(waiting, flush=True)

with bx.connect({DEMO_TOKEN!r}, base_url=url, cache_dir=folder, retry=policy) as box:
    print("ready", flush=True)
    sys.stdin.readline()
    jobs = box.read(ids.split(","), limit=int(limit), progress=progress).jobs
    print(jobs["job_id"].n_unique(), jobs.height, flush=True)
"""

QUICK = '{"calls_per_minute": 1000000, "read_timeout_s": 3000}'


def start_reader(
    emulator: Emulator, folder: Path, ids: Sequence[str], *, limit: int = 1, retry: str = QUICK
) -> subprocess.Popen[str]:
    """Start a process that prints "ready" and reads once `let_read` is called."""
    arguments = [emulator.url, str(folder), ",".join(ids), str(limit), retry]
    return _start([sys.executable, "-W", "error", "-c", READER, *arguments])


def start_command(emulator: Emulator, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line."""
    options = ["--base-url", emulator.url, "--cache-dir", str(folder)]
    return _start([sys.executable, "-m", "boxdocgen_explore", *arguments, *options])


def _start(program: list[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    environment = {"BOX_ACCESS_TOKEN": DEMO_TOKEN, "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        program, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
    )


def let_read(process: subprocess.Popen[str]) -> None:
    """Let a reader read."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def next_line(process: subprocess.Popen[str]) -> str:
    """Wait for its next line of output."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def wait_for_calls(
    process: subprocess.Popen[str], emulator: Emulator, path: str, calls: int
) -> None:
    """Wait for this number of calls for this path, while the process is alive."""
    while calls_to(emulator, path) < calls:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
            assert calls_to(emulator, path) >= calls, process.stderr and process.stderr.read()
