"""The explorer: a Box, a reading or a jobs frame goes in, an interactive widget comes out."""

from boxdocgen_explore.explorer.explorer import Explorer, checked_jobs, explore, open_page

__all__ = ["Explorer", "checked_jobs", "explore", "open_page"]
