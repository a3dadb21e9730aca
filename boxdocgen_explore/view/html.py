"""HTML from templates: data from Box becomes readable text, never markup."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

from boxdocgen_explore import text

_PACKAGE: Final = Path(__file__).parents[1]


def fill(template: str, **values: Any) -> str:
    """Fill in a template, named by its path within the package.

    Every value is escaped, unless the template itself marks it as ``safe``. Invisible characters
    become their codes, very long texts are truncated, and whole numbers are grouped by thousands.
    A missing value is an error.
    """
    return str(_environment().get_template(template).render(values))


def front_end(name: str) -> str:
    """Return the text of a file of the front end."""
    return (_PACKAGE / "view" / "front_end" / name).read_text(encoding="utf-8")


@functools.cache
def _environment() -> Any:
    import jinja2  # imported here, because an explorer is shown before it needs a template

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PACKAGE),
        autoescape=True,
        finalize=_readable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    words = (text.counted, text.duration, text.listed, text.moment, text.percent, text.timestamp)
    environment.filters |= {word_filter.__name__: word_filter for word_filter in words}
    environment.policies["json.dumps_kwargs"] = {}  # not sorted: the order of the charts matters
    return environment


def _readable(value: object) -> object:
    if hasattr(value, "__html__"):  # already markup: the output of a macro, or marked as safe
        return value
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else text.visible(text.shortened(str(value)))
