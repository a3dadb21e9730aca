"""A minimal client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator

PATH = "/docgen_batch_jobs/1001"


class Client:
    """Calls with a token and a version, without a proxy."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(
        self, path: str, *, token: str = DEMO_TOKEN, method: str = "GET", **options: Any
    ) -> requests.Response:
        version = "2025.0" if path.startswith("/docgen_") else None
        headers = {"authorization": f"Bearer {token}", "box-version": version}
        headers |= options.pop("headers", {})
        options.setdefault("timeout", 20)
        return self.session.request(method, self.emulator.url + path, headers=headers, **options)

    def page(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.ask(path, params=query)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def pages(self, path: str, **query: Any) -> list[Any]:
        """Pages by next_marker until there is none."""
        pages = [self.page(path, **query)]
        while marker := pages[-1].get("next_marker"):
            assert len(pages) < 200, "this chain has no end"
            pages.append(self.page(path, **{**query, "marker": marker}))
        return pages

    def jobs(self, path: str, **query: Any) -> list[Any]:
        return [job for page in self.pages(path, **query) for job in page["entries"]]


@contextmanager
def serving(*arguments: Any, **options: Any) -> Iterator[Client]:
    """A client of an emulator with these arguments, for as long as it runs."""
    with Emulator(*arguments, **options) as emulator:
        client = Client(emulator)
        with client.session:
            yield client


def ids(page: dict[str, Any]) -> list[str]:
    return [job["id"] for job in page["entries"]]
