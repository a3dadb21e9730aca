"""Text from outside, so that it can be seen and cannot do anything: not turn, not command, not
fill a page. Whoever puts Box's words into a sentence, a page or a terminal passes them through
here."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 5000
"""Characters of one text that a person is shown."""

# Characters that cannot be seen, that HTML cannot hold, that command a terminal, or that turn the
# text around them.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Write characters that cannot be seen, or that hide others, as their code.

    >>> print(visible("invoice\u202egnp.exe"))
    invoice\u202egnp.exe
    """
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shortened(text: str, longest: int = LONGEST) -> str:
    """Cut a text that is longer, and show that it was cut.

    >>> shortened("The body is not JSON", 8)
    'The bod…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"
