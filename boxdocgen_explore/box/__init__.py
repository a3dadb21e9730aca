"""Box over HTTP: credentials and ids go in, readings come out."""

from boxdocgen_explore.box.batches import IncompleteListWarning
from boxdocgen_explore.box.client import Box
from boxdocgen_explore.box.connection import connect, demo
from boxdocgen_explore.errors import Reading

__all__ = ["Box", "IncompleteListWarning", "Reading", "connect", "demo"]
