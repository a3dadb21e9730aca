"""What Box's error_messages mean: which error, in whose words, and what the person can do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from boxdocgen_explore import errors

if TYPE_CHECKING:
    from requests import Response


def client_error(response: Response) -> dict[str, str]:
    """Box's ClientError body; empty where the body is something else (nothing, HTML)."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, dict):
        return {}
    return {
        # half a surrogate pair cannot be printed
        name: " ".join(value.encode("utf-8", "replace").decode().split())[:500]
        for name, value in body.items()
        if isinstance(value, str)
    }


def error_class(status: int, by_marker: bool) -> type[errors.BoxError]:
    """Which error a status is."""
    if status == 400 and by_marker:
        return errors.MarkerRefused
    kinds = {
        401: errors.Unauthorized,
        403: errors.Forbidden,
        404: errors.NotFound,
        429: errors.RateLimited,
    }
    return kinds.get(status, errors.ServerError if status >= 500 else errors.BoxError)


def next_step(kind: type[errors.BoxError], status: int, as_user: str | None) -> str:
    """What the person can do now."""
    if kind is errors.NotFound:
        other = "another user's" if as_user else "another user's (as_user=, --as-user)"
        return (
            "There is no such thing, or this user may not see it: batches belong to whoever "
            f"started them, often a service account; it may be {other}."
        )
    if status == 202:
        return "Box is still preparing this: try again in a moment."
    if 300 <= status < 400:
        return "Box does not redirect: a proxy may want a login. Sign in to it and try again."
    return _NEXT_STEPS.get(kind, "Nothing was changed; check what was asked and try again.")


_NEXT_STEPS: dict[type[errors.BoxError], str] = {
    errors.Unauthorized: (
        "The token is wrong or has expired (developer tokens live 60 minutes): "
        'get a new one and go on with box.renew("...").'
    ),
    errors.Forbidden: (
        "This user or this app may not: the app needs the Doc Gen scope, as-user the right to "
        "act for others."
    ),
    errors.MarkerRefused: "Box no longer takes this marker: read the batch again from its start.",
    errors.RateLimited: (
        "Box still wants fewer calls: wait some minutes, or lower calls_per_minute=."
    ),
    errors.ServerError: "Box has a problem of its own: try again later; what had arrived is kept.",
}
