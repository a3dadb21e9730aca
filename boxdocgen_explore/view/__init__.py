"""The view that needs no kernel: a jobs frame goes in, a widget or an HTML page comes out."""

from boxdocgen_explore.view.cause import main_cause
from boxdocgen_explore.view.page import open_page, page
from boxdocgen_explore.view.payload import batch_labels, pack, unpack
from boxdocgen_explore.view.widget import View, module, specs

__all__ = [
    "View",
    "batch_labels",
    "main_cause",
    "module",
    "open_page",
    "pack",
    "page",
    "specs",
    "unpack",
]
