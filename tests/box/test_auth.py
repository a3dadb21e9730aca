"""Credentials: a plain token, or Box's SDK; no error shows them."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import box_sdk_gen
import pytest
from box_sdk_gen import AccessToken
from box_sdk_gen.box.errors import BoxAPIError, RequestInfo, ResponseInfo
from conftest import QUICK

import boxdocgen_explore as bx
from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.box.auth import SdkCredentials, credentials
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator
from boxdocgen_explore.schema import BOX_VERSION

SECRET = "s3cr3t-t0k3n"
PATH = ("docgen_batch_jobs", "1001")


def shown_by(error: BaseException) -> str:
    """The traceback of an error and its causes."""
    return "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error.__context__)


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nb", "ü", 5, b"t"])
def test_invalid_tokens_are_refused_without_showing_them(token: Any) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        credentials(token, {})
    assert repr(token) not in str(caught.value)


def test_blanks_around_a_token_are_removed() -> None:
    assert credentials(" abc\n", {}).token() == "abc"


def test_the_environment_s_token_is_used() -> None:
    assert credentials(None, {"BOX_ACCESS_TOKEN": "abc"}).token() == "abc"


def test_without_credentials_and_a_person_the_error_says_what_to_set() -> None:
    with pytest.raises(errors.NoCredentials, match=r"BOX_ACCESS_TOKEN.*demo\(\)"):
        credentials(None, {})


def test_incomplete_client_credentials_say_what_is_missing() -> None:
    with pytest.raises(errors.NoCredentials, match="set BOX_CLIENT_SECRET, BOX_SUBJECT_ID too"):
        credentials(None, {"BOX_CLIENT_ID": "1", "BOX_SUBJECT_TYPE": "user"})


def test_a_broken_key_file_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "jwt.json"
    file.write_text('{"boxAppSettings": {"clientSecret": "s3cr3t-t0k3n"')
    with pytest.raises(errors.InvalidRequest, match="Developer Console") as caught:
        credentials(None, {"BOX_JWT_CONFIG_FILE": str(file)})
    assert SECRET not in shown_by(caught.value)


class Authentication:
    """Replaces the SDK's authentication: returns these tokens, or raises these errors."""

    def __init__(self, *answers: AccessToken | Exception) -> None:
        self.answers = list(answers)
        self.current: AccessToken | None = None
        self.refreshed = 0
        self.config: Any = None
        self.second = threading.Event()

    def made_with(self, config: Any) -> Authentication:
        self.config = config
        return self

    def retrieve_token(self) -> AccessToken:
        return self.current or self.refresh_token()

    def refresh_token(self) -> AccessToken:
        self.refreshed += 1
        if self.refreshed > 2:
            self.second.set()
        if self.current:
            self.second.wait(0.5)  # long enough for another worker to refresh it as well
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.current = answer
        return answer


def session_of(emulator: Emulator, *answers: AccessToken | Exception) -> BoxSession:
    authentication: Any = Authentication(*answers)
    return BoxSession(emulator.url, SdkCredentials(authentication), retry=QUICK)


@pytest.mark.parametrize("subject", ["enterprise", "user"])
def test_client_credentials_name_the_subject(monkeypatch: pytest.MonkeyPatch, subject: str) -> None:
    sdk = Authentication(AccessToken(access_token="abc"))
    monkeypatch.setattr(box_sdk_gen, "BoxCCGAuth", sdk.made_with)
    environment = {"BOX_CLIENT_ID": "1", "BOX_CLIENT_SECRET": "2", "BOX_SUBJECT_ID": "42"}
    assert credentials(None, {**environment, "BOX_SUBJECT_TYPE": subject}).token() == "abc"
    assert (sdk.config.client_id, sdk.config.client_secret) == ("1", "2")
    ids = {"enterprise": sdk.config.enterprise_id, "user": sdk.config.user_id}
    assert ids == {"enterprise": None, "user": None, subject: "42"}


def test_a_jwt_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"publicKeyID": "k", "privateKey": "p", "passphrase": "w"}
    app = {"clientID": "1", "clientSecret": "2", "appAuth": key}
    file = tmp_path / "jwt.json"
    file.write_text(json.dumps({"boxAppSettings": app, "enterpriseID": "42"}))
    sdk = Authentication(AccessToken(access_token="abc"))
    monkeypatch.setattr(box_sdk_gen, "BoxJWTAuth", sdk.made_with)
    assert credentials(None, {"BOX_JWT_CONFIG_FILE": str(file)}).token() == "abc"
    assert sdk.config.enterprise_id == "42"


def test_an_expired_token_is_refreshed_once_for_all_workers(emulator: Emulator) -> None:
    sdk: Any = Authentication(
        AccessToken(access_token="expired"), AccessToken(access_token=DEMO_TOKEN)
    )
    session = BoxSession(emulator.url, SdkCredentials(sdk), retry=QUICK)
    statuses: list[int] = []

    def read() -> None:
        statuses.append(session.get(PATH, version=BOX_VERSION).response.status_code)

    assert sdk.retrieve_token().access_token == "expired"
    workers = [threading.Thread(target=read) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert statuses == [200] * 4
    assert sdk.refreshed == 2
    session.close()


def test_credentials_that_box_refuses_are_one_clear_error_without_the_secret(
    emulator: Emulator,
) -> None:
    request = RequestInfo("POST", "u", {}, {"authorization": SECRET}, body=SECRET)
    refused = BoxAPIError(request, ResponseInfo(400, {}, request_id="r1"), "400 invalid_client")
    with pytest.raises(errors.Unauthorized, match="invalid_client") as caught:
        session_of(emulator, refused).get(PATH, version=BOX_VERSION)
    assert caught.value.request_id == "r1"
    assert SECRET not in shown_by(caught.value)
    with pytest.raises(errors.Unreachable) as unreachable:
        session_of(emulator, OSError(SECRET)).get(PATH, version=BOX_VERSION)
    assert SECRET not in shown_by(unreachable.value)


def test_a_function_gives_the_token_and_is_asked_again_when_box_refuses_it(
    connected: Callable[..., Box],
) -> None:
    given = iter(["expired", DEMO_TOKEN])
    assert connected(None, auth=lambda: next(given)).jobs("1001").height == 25
    assert next(given, None) is None


def test_an_auth_object_of_box_s_sdk_gives_the_token(connected: Callable[..., Box]) -> None:
    auth: Any = Authentication(AccessToken(access_token=DEMO_TOKEN))
    assert connected(None, auth=auth).jobs("1001").height == 25


def test_a_function_that_gives_no_token_is_shown_by_its_line_and_not_by_its_words(
    emulator: Emulator,
) -> None:
    def auth() -> str:
        return json.loads("{" + SECRET)  # raised in another file, which is no help

    with (
        bx.connect(auth=auth, base_url=emulator.url, retry=QUICK) as box,
        pytest.raises(errors.Unauthorized, match=r"gave no token\. Call it alone") as no,
    ):
        box.jobs("1001")
    line = auth.__code__.co_firstlineno + 1
    assert str(no.value).endswith(f"\nCause: JSONDecodeError in test_auth.py, line {line}")
    assert SECRET not in shown_by(no.value)


@pytest.mark.parametrize("given", [{"token": "a", "auth": lambda: "b"}, {"auth": "a"}])
def test_auth_is_a_function_or_an_object_of_the_sdk_and_never_beside_a_token(given: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="auth"):
        bx.connect(**given)
