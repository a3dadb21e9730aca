"""Proxies and certificates from the environment, checked before any request."""

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
    """The settings that requests reads from the environment for this address.

    They are read once here; requests would read them for every call.

    Raises:
        InvalidRequest: a proxy has no valid address, or the certificates cannot be read.
    """
    merge = requests.Session().merge_environment_settings
    settings: dict[str, Any] = {**merge(base_url, {}, True, None, None)}
    # Secrets, because these addresses may have passwords.
    settings["proxies"] = {scheme: Secret(url) for scheme, url in settings["proxies"].items()}
    if is_loopback(base_url):  # HTTP_PROXY without NO_PROXY would receive the token
        settings["proxies"] = {}
    _check_proxy(select_proxy(base_url, settings["proxies"]))
    if base_url.startswith("https:") and isinstance(settings["verify"], str):
        _check_certificates(settings["verify"])
    return settings


def _check_proxy(proxy: str | None) -> None:
    try:  # requests parses it like this, and raises any exception
        if not proxy or urllib3.util.parse_url(prepend_scheme_if_needed(proxy, "http")).host:  # type: ignore[no-untyped-call]
            return
    except (ValueError, TypeError):
        pass
    # Raised here and without the address, because the cause and the address may have a password.
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
