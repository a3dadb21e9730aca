"""Box over HTTP: credentials and ids go in, readings come out."""

from typing import TYPE_CHECKING, Any

from boxdocgen_explore.box.batches import BatchList
from boxdocgen_explore.box.chain import IncompleteListWarning
from boxdocgen_explore.box.client import Box
from boxdocgen_explore.box.connection import connect, demo
from boxdocgen_explore.box.documents import DocumentsWarning
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.errors import Reading, warn_renamed

__all__ = [
    "BatchList",
    "Box",
    "DocumentsWarning",
    "IncompleteListWarning",
    "Reading",
    "RetryPolicy",
    "connect",
    "demo",
]


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name == "NotWhole":
            warn_renamed(name, "IncompleteListWarning")
            return IncompleteListWarning
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
