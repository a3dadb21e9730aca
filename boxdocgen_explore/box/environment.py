"""Proxies and certificates that the environment names, checked before anything is sent."""

from __future__ import annotations

import os
import ssl
from typing import Any

import requests
import urllib3
from requests.utils import prepend_scheme_if_needed, select_proxy

from boxdocgen_explore.arguments import is_loopback
from boxdocgen_explore.box.auth import Secret
from boxdocgen_explore.errors import InvalidRequest


def environment_settings(base_url: str) -> dict[str, Any]:
    """What requests takes of the environment for this address, resolved once: requests itself
    would do so for every call.

    Raises:
        InvalidRequest: a proxy has no valid address, or the certificates cannot be read.
    """
    merge = requests.Session().merge_environment_settings
    settings: dict[str, Any] = {**merge(base_url, {}, True, None, None)}
    # Secrets, because these addresses may have passwords.
    settings["proxies"] = {scheme: Secret(url) for scheme, url in settings["proxies"].items()}
    if is_loopback(base_url):  # HTTP_PROXY without NO_PROXY would get the token
        settings["proxies"] = {}
    _check_proxy(select_proxy(base_url, settings["proxies"]))
    if base_url.startswith("https:") and isinstance(settings["verify"], str):
        _check_certificates(settings["verify"])
    return settings


def _check_proxy(proxy: str | None) -> None:
    try:  # as requests does it, which raises anything
        if not proxy or urllib3.util.parse_url(prepend_scheme_if_needed(proxy, "http")).host:  # type: ignore[no-untyped-call]
            return
    except (ValueError, TypeError):
        pass
    # Raised out here, and without the address: both may contain a password.
    raise InvalidRequest(
        "The proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names has no valid address: it must "
        "be like http://proxy.example.com:3128."
    )


def _check_certificates(path: str) -> None:
    place = {"capath" if os.path.isdir(path) else "cafile": path}  # noqa: PTH112 - any text
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**place)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names {path}, which cannot be read as "
            f"certificates: {getattr(error, 'strerror', None) or error}."
        ) from None
