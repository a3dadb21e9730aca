"""The view that works without a kernel: jobs go in, an HTML page or `view.widget` comes out."""

from boxdocgen_explore.figures import batch_labels
from boxdocgen_explore.view.address import fragment
from boxdocgen_explore.view.cause import main_cause
from boxdocgen_explore.view.page import VIEW_MIME, notebook_page, open_page, page
from boxdocgen_explore.view.payload import pack, unpack
from boxdocgen_explore.view.script import module, specs

__all__ = [
    "VIEW_MIME",
    "batch_labels",
    "fragment",
    "main_cause",
    "module",
    "notebook_page",
    "open_page",
    "pack",
    "page",
    "specs",
    "unpack",
]
