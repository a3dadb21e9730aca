"""HTML from text: whatever Box sent becomes text that can be seen, never markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from boxdocgen_explore.text import shortened, visible


class Html(str):
    """Text that is markup already; any other text is escaped where it is put in."""

    __slots__ = ()


def escape(value: object) -> Html:
    """Give a value as markup: None as nothing, what is markup already as it is.

    >>> escape("</script>")
    '&lt;/script&gt;'
    """
    if isinstance(value, Html):
        return value
    return Html("" if value is None else html.escape(visible(str(value))))


def element(tag: str, *children: object, **attributes: str | bool | None) -> Html:
    """Write one element; ``class_`` is the attribute class, True an attribute without a value.

    A text that nobody could read to its end is cut.

    >>> element("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    written = []
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {name}")
        elif value not in (None, False):
            written.append(f' {name}="{escape(value)}"')
    return Html(f"<{tag}{''.join(written)}>{''.join(map(_child, children))}</{tag}>")


def _child(value: object) -> Html:
    return escape(value if value is None or isinstance(value, Html) else shortened(str(value)))


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], class_: str | None = None
) -> Html:
    """Write a table; numbers (int) are grouped by thousands and stand to the right."""
    listed = list(rows)
    numbers = [value if isinstance(value, int) else None for value in next(iter(listed), ())]
    numbers += [None] * (len(heads) - len(numbers))
    head = [
        element("th", name, scope="col", class_=None if number is None else "number")
        for name, number in zip(heads, numbers, strict=True)
    ]
    body = [element("tr", *map(_cell, row)) for row in listed]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_=class_,
    )


def _cell(value: object) -> Html:
    if isinstance(value, int):
        return element("td", f"{value:,}", class_="number")
    return element("td", value)


def unfolding(summary: str, *children: object, open_: bool = False) -> Html:
    """Write something that opens on a click, without any script."""
    return element("details", element("summary", summary), *children, open=open_)


def file_link(file_id: str | None) -> Html:
    """Link to a file in Box; the id is all that is known of it."""
    from urllib.parse import quote

    if not file_id:
        return Html("")
    address = f"https://app.box.com/file/{quote(file_id, safe='')}"
    return element("a", file_id, href=address, rel="noopener noreferrer")
