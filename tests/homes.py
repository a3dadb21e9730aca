"""A separate home folder for a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from boxdocgen_explore.build_cache import default_cache_dir


def lend_front_end(home: Path) -> Path:
    """Copy the build cache, which takes seconds to build, to a new home folder."""
    built = default_cache_dir() / "built"
    if built.exists():
        shutil.copytree(built, home / ".cache" / "boxdocgen_explore" / "built")
    return home
