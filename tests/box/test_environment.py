"""Unusable proxies and certificates in the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, RetryPolicy, connect
from boxdocgen_explore.box.retry import Failed

ONCE = RetryPolicy(attempts=1, connect_timeout_s=1, deadline_s=3)


@pytest.mark.trust
@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize(
    "proxy",
    [
        *("http://user:s3cretpw@", "http://user:s3cretpw@x:99999", "http://user:s3cretpw@[::1"),
        *("user:s3cretpw@x:y", "://user:s3cretpw@x", "http://user:s3cretpw@a..b:1", "http://"),
        *("http://user:s3cretpw@127.0.0.1:1", "gopher://user:s3cretpw@127.0.0.1:1", "http://漢:1"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_our_error_and_its_password_stays_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, proxy: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    with pytest.raises((errors.InvalidRequest, errors.Unreachable)) as caught:
        connect("t", base_url="https://box.invalid", cache_dir=tmp_path, retry=ONCE).read("1")
    assert "s3cretpw" not in str(caught.value)
    context = caught.value.__context__  # the error of requests would include the address
    assert context is None or (type(context) is Failed and "s3cretpw" not in str(context))


@pytest.mark.parametrize("variable", ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_certificates_that_cannot_be_read_are_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: str | None
) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv(variable, str(file))
    with pytest.raises(errors.InvalidRequest, match=f"{variable}.*authority.pem"):
        connect("t", base_url="https://box.invalid", cache_dir=tmp_path)


def test_reading_this_machine_or_the_cache_needs_neither(
    monkeypatch: pytest.MonkeyPatch, connected: Callable[..., Box]
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    monkeypatch.setenv("ALL_PROXY", "http://user:s3cretpw@")
    assert connected().read("1001").jobs.height == 25
    monkeypatch.setenv("HTTPS_PROXY", "http://user:s3cretpw@")
    with pytest.raises(errors.NotCached):
        connected(offline=True, base_url="https://box.invalid").read("1001")
