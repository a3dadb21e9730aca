"""The view as one HTML document: what the browser lets it do."""

from __future__ import annotations

import base64
import hashlib
import html
import re

import pytest
from frames import jobs_frame

import boxdocgen_explore as bx
from boxdocgen_explore import view


def hashed(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


@pytest.mark.parametrize("kind", ["page", "report"])
def test_the_browser_runs_the_page_s_own_script_and_asks_nobody(kind, tmp_path):
    jobs = jobs_frame([{}])
    if kind == "page":
        text = view.page(jobs, None)
    else:
        text = bx.report(jobs, tmp_path / "audit.html").path.read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    script = re.search(r'<script type="module">(.*?)</script>', text, flags=re.S)[1]
    style = re.search(r"<style>(.*?)</style>", text, flags=re.S)[1]
    assert dict(part.strip().split(" ", 1) for part in html.unescape(policy).split(";")) == {
        "default-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "script-src": hashed(script),
        "style-src": hashed(style),
    }
