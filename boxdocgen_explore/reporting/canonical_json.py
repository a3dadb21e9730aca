"""Canonical JSON (RFC 8785): each value has exactly one text, and so one digest."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any


def canonical(value: Any) -> str:
    r"""JSON according to RFC 8785: keys in UTF-16 order, no spaces, numbers as in JavaScript.

    >>> canonical({"b": [1.0, 1e21, 5e-7, None], "a": "é\n"})
    '{"a":"é\\n","b":[1,1e+21,5e-7,null]}'

    Raises ValueError for a number that is not finite, or not exact in JavaScript.
    """
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, int) and abs(value) > 2**53:
        raise ValueError(f"{value} is not exact in JavaScript")
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, float):
        return text
    # Both languages write the shortest digits, but use different exponents.
    plain = value == 0 or 1e-6 <= abs(value) < 1e21
    text = format(Decimal(text), "f") if plain else re.sub("(e[+-])0*", r"\1", text)
    return text.removesuffix(".0").replace("-0", "0") if value == 0 else text.removesuffix(".0")
