"""What several commands share: where Box is read and how, and text that is safe to print."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from boxdocgen_explore.text import shortened

if TYPE_CHECKING:
    from boxdocgen_explore.box import Box

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def box_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say where Box is read, and how."""
    group = command.add_argument_group("Box")
    group.add_argument("--demo", action="store_true", help="the built-in synthetic batches")
    group.add_argument("--base-url", metavar="URL", help="another server than api.box.com")
    group.add_argument("--cache-dir", type=Path, metavar="DIR", help="where pages are kept")
    group.add_argument("--as-user", metavar="ID", help="read as this user, where the token may")
    group.add_argument("--refresh", action="store_true", help="read again what may have changed")
    group.add_argument("--offline", action="store_true", help="read only what is kept on disk")
    group.add_argument("--user", metavar="LOGIN", help="offline: whose pages")


def connected(options: argparse.Namespace) -> Box:
    """The Box of these options, one per command."""
    from boxdocgen_explore.box import connect, demo

    if not hasattr(options, "box"):
        if options.demo:
            options.box = demo()
        else:
            given = {"base_url": options.base_url} if options.base_url else {}
            options.box = connect(
                cache_dir=options.cache_dir,
                as_user=options.as_user,
                offline=options.offline,
                user=options.user,
                **given,
            )
    box: Box = options.box
    return box


def duration(text: str) -> timedelta:
    """``90d``, ``12h``, ``30m`` as a timedelta.

    >>> duration("90d").days
    90
    """
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: say 90d, 12h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def plain(text: str) -> str:
    """Text from outside, on one line, without anything that a terminal would obey."""
    short = shortened(text)
    return "".join(character if character.isprintable() else " " for character in short)
