"""``boxdocgen cache``: show and delete cached pages."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from boxdocgen_explore.cli.options import add_command, cache_option, epilog, parse_age
from boxdocgen_explore.cli.results import show
from boxdocgen_explore.cli.terminal import DONE
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.text import counted


def add_commands(commands: Any) -> None:
    example = "boxdocgen cache info"
    about = "Show or delete cached pages"
    group = commands.add_parser("cache", help=about, description=about, epilog=epilog(example))
    actions = group.add_subparsers(dest="action", required=True, metavar="COMMAND")
    info = add_command(actions, "info", cache_info, example)
    example = "boxdocgen cache clear --older-than 90d"
    clear = add_command(actions, "clear", cache_clear, example)
    about = "only pages that are older, such as 90d; by default all"
    clear.add_argument("--older-than", type=parse_age, metavar="AGE", help=about)
    for command in (info, clear):
        cache_option(command)


def cache_info(options: argparse.Namespace) -> int:
    """Show what is cached on disk."""
    from boxdocgen_explore.cache import default_cache_dir, users

    folder = options.cache_dir or default_cache_dir()
    caches = [*users.cache_info(folder)]
    lines = [str(folder)]
    for info in caches:
        sizes = f"{counted(info.batches, 'batch')}  {counted(info.pages, 'page')}"
        about = info.trouble or f"{sizes}  {info.size_bytes / 1e6:,.1f} MB"
        lines.append(f"  {info.host}  {info.login}  {about}")
    show(options, lines, {"folder": str(folder), "caches": [asdict(info) for info in caches]})
    return DONE


def cache_clear(options: argparse.Namespace) -> int:
    """Delete all cached pages, or those older than an age."""
    from boxdocgen_explore.cache import default_cache_dir, users

    folder = options.cache_dir or default_cache_dir()
    if options.cache_dir and not folder.is_dir():  # the default folder may not exist yet
        raise InvalidRequest(f"The folder {folder} does not exist: see boxdocgen cache info.")
    pages = users.clear(folder, older_than=options.older_than)
    values = {"folder": str(folder), "deleted_pages": pages}
    show(options, [f"{counted(pages, 'page')} deleted from {folder}"], values)
    return DONE
