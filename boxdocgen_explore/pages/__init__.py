"""Pages: the bytes of a page from Box go in, checked and typed rows come out."""

from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.parse import Parse, ParsedPage
from boxdocgen_explore.pages.records import Chain, PageRead, StoredChain, marker_sha256, page_place

__all__ = [
    "Chain",
    "PageRead",
    "Parse",
    "ParsedPage",
    "StoredChain",
    "frames",
    "marker_sha256",
    "page_place",
]
