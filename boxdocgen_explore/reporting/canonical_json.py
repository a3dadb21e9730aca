"""Canonical JSON (RFC 8785): one value has one text, so that it has one digest."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from math import isfinite
from typing import Any, Final

_LARGEST: Final = 2**53


def canonical(value: Any) -> str:
    r"""Write JSON by RFC 8785: keys in the order of UTF-16, no spaces, numbers as in JavaScript.

    >>> canonical({"b": [1.0, 1e21, 5e-7, None], "a": "é\n"})
    '{"a":"é\\n","b":[1,1e+21,5e-7,null]}'

    Raises:
        ValueError: a number is not finite, or too large to be exact in JavaScript.
        TypeError: the value is not JSON.
    """
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError(f"{value} is not exact in JavaScript")
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    if not isfinite(value):
        raise ValueError(f"{value} is not a number of JSON")
    if value == 0:
        return "0"
    # Both languages write the shortest digits, but choose exponents differently.
    short = repr(value)
    plain = 1e-6 <= abs(value) < 1e21
    text = format(Decimal(short), "f") if plain else re.sub("(e[+-])0*", r"\1", short)
    return text.removesuffix(".0")
