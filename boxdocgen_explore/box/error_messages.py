"""The meaning of Box's refusals: the error class, Box's message, and advice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from boxdocgen_explore import errors

if TYPE_CHECKING:
    from requests import Response


def client_error(response: Response) -> dict[str, str]:
    """The fields of Box's ClientError body; none if the body is anything else (empty, HTML)."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, dict):
        return {}
    return {
        # Lone surrogates are not printable.
        name: " ".join(value.encode("utf-8", "replace").decode().split())[:500]
        for name, value in body.items()
        if isinstance(value, str)
    }


def error_class(status: int, by_marker: bool) -> type[errors.BoxError]:
    """The error class of a status."""
    if status == 400 and by_marker:
        return errors.MarkerRefused
    kinds = {
        401: errors.Unauthorized,
        403: errors.Forbidden,
        404: errors.NotFound,
        429: errors.RateLimited,
    }
    return kinds.get(status, errors.ServerError if status >= 500 else errors.BoxError)


def explanation(kind: type[errors.BoxError], status: int) -> str:
    """What happened, and what to do about it."""
    if status == 202:
        return "Box is still preparing this. Try again in a moment."
    if 300 <= status < 400:
        return "The call was redirected, perhaps by a proxy that wants a login: sign in to it."
    return _EXPLANATIONS.get(kind, "Box refused the call. Check the request and try again.")


_EXPLANATIONS: dict[type[errors.BoxError], str] = {
    errors.Unauthorized: (
        "The token is wrong or has expired (developer tokens last 60 minutes). "
        "Get a new one and try again: set BOX_ACCESS_TOKEN or the other BOX_* variables, or in "
        'Python run box.renew("...").'
    ),
    errors.Forbidden: (
        "This user or this app may not read this. The app needs the Doc Gen scope, and as-user "
        "the right to act for others."
    ),
    errors.NotFound: (
        "Box does not have this, or this user may not see it. Batches belong to the user who "
        "started them, often a service account: check the id, or read as that user."
    ),
    errors.MarkerRefused: "Box no longer accepts this marker. Read the batch again from its start.",
    errors.RateLimited: "Box asks for fewer calls. Wait a few minutes and try again.",
    errors.ServerError: "Box has a problem. Try again later: what has arrived is cached.",
}

OPTIONS: dict[type[errors.BoxError], str] = {
    errors.NotFound: "as_user=, --as-user",
    errors.RateLimited: "calls_per_minute=",
}
"""Options for programs, which belong to the details: people at a screen cannot set them."""
