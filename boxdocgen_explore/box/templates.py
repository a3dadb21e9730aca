"""Templates: their names, and the tags of each version."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import checked_id
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.reading import BatchReader
from boxdocgen_explore.pages import frames


class TemplateLists:
    """The part of a `Box` that reads templates."""

    _reader: Callable[..., BatchReader]

    def templates(self, *, refresh: bool = False) -> pl.DataFrame:
        """One row per template: ``template_file_id``, ``template_name`` (null if Box has none).

        Raises:
            BoxDocGenError: the list could not be read, for example Forbidden.

        Source: ``GET /docgen_templates``.
        """
        return frames.templates(self._list(endpoints.templates(), refresh))

    def template_names(self) -> dict[str, str]:
        """Return template names by file id; empty if Box refuses them, because names are optional.

        Source: ``GET /docgen_templates``.
        """
        try:
            return dict(self.templates().drop_nulls().iter_rows())
        except errors.BoxDocGenError:
            return {}

    def tags(self, template_id: str, version_id: str | None = None) -> pl.DataFrame:
        """One row per tag of a template version (schema.TAGS), by default the current one.

        Raises:
            InvalidRequest: an id is invalid.
            BoxDocGenError: the list could not be read; its status is 202 while Box prepares it.

        Source: ``GET /docgen_templates/:id/tags``.
        """
        template_id = checked_id(template_id, "template")
        if version_id is not None:
            version_id = checked_id(version_id, "template version")
        paged = endpoints.tags(template_id, version_id)
        return frames.tags(self._list(paged, refresh=False), template_id, version_id)

    def _list(self, paged: PagedList, refresh: bool) -> list[pl.DataFrame]:
        fetch = self._reader(None, None).fetch([paged])
        fetch.run(noun="rows", refresh=refresh)
        return fetch.result(paged).frames()
