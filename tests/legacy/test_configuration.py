"""Keys are sent to their own host, and the module's settings take effect."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import Settings, legacy
from stepfun_compat.legacy import _clients, _paths

from .reference_server import ReferenceServer

HELLO = [{"role": "user", "content": "Hello"}]


def chat(openai: Any, **kwargs: Any) -> Any:
    return openai.ChatCompletion.create(**{"model": "gpt-3.5-turbo", "messages": HELLO, **kwargs})


def test_stepfun_key_is_sent_to_stepfun(openai: Any, stepfun: ReferenceServer) -> None:
    answer = chat(openai)
    (request,) = stepfun.take()
    assert answer.choices[0].message.content == "Grüße, 世界"
    assert request["headers"] == {"authorization": "Bearer stepfun-key"}
    assert request["path"] == "/v1/chat/completions"
    assert request["body"]["model"] == "step-3.7-flash"
    assert "stepfun-key" not in repr(answer.__dict__)


@pytest.mark.parametrize("key", ["sk-proj-abc", "sk-aT3BlbkFJb"])
def test_openai_key_is_never_sent(key: str, openai: Any, stepfun: ReferenceServer) -> None:
    openai.api_key = key
    chat(openai)
    chat(openai, api_key=key)
    assert [r["headers"]["authorization"] for r in stepfun.take()] == ["Bearer stepfun-key"] * 2


def test_without_a_key_nothing_is_sent(openai: Any, server: ReferenceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", server.url)
    with pytest.raises(openai.error.AuthenticationError, match="STEPFUN_API_KEY"):
        chat(openai)
    openai.api_key = "sk-proj-abc"
    with pytest.raises(openai.error.AuthenticationError, match="STEPFUN_API_KEY"):
        chat(openai)
    assert server.take() == []


def test_another_vendor_never_gets_the_stepfun_key(
    openai: Any, server: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "stepfun-key")
    openai.api_base = server.url
    with pytest.raises(openai.error.AuthenticationError):
        chat(openai)
    assert server.take() == []
    chat(openai, api_key="vendor-key")
    (request,) = server.take()
    assert request["headers"]["authorization"] == "Bearer vendor-key"
    assert request["body"]["model"] == "gpt-3.5-turbo"


@pytest.mark.parametrize("kind", ["azure", "azure_ad", "AzureAD"])
@pytest.mark.parametrize("how", ["engine", "deployment_id"])
def test_azure_credentials_are_not_sent(kind: str, how: str, openai: Any, stepfun: ReferenceServer) -> None:
    openai.api_type, openai.api_version = kind, "2023-05-15"
    openai.api_base, openai.api_key = "https://mine.openai.azure.com/", "azure-secret"
    answer = openai.ChatCompletion.create(**{how: "gpt-4"}, messages=HELLO)
    (request,) = stepfun.take()
    assert (request["path"], request["query"]) == ("/v1/chat/completions", [])
    assert request["headers"] == {"authorization": "Bearer stepfun-key"}
    assert request["body"]["model"].startswith("step-")
    assert how not in request["body"]
    assert answer.choices[0].finish_reason == "stop"


def test_deployment_uses_the_default_model(
    openai: Any, stepfun: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_MODEL", "step-3.5-flash")
    openai.api_type, openai.api_base = "azure", "https://mine.openai.azure.com"
    openai.ChatCompletion.create(engine="our-deployment", messages=HELLO)
    assert stepfun.take()[0]["body"]["model"] == "step-3.5-flash"


def test_engine_is_a_model(openai: Any, stepfun: ReferenceServer) -> None:
    openai.ChatCompletion.create(engine="gpt-4", messages=HELLO)
    assert stepfun.take()[0]["path"] == "/v1/chat/completions"


def test_key_file_is_read_for_each_call(openai: Any, server: ReferenceServer, tmp_path: Path) -> None:
    file = tmp_path / "key"
    openai.api_base, openai.api_key_path = server.url, str(file)
    for key in ("first", "second"):
        file.write_text(f"{key}\n")
        chat(openai)
    assert [r["headers"]["authorization"] for r in server.take()] == ["Bearer first", "Bearer second"]
    file.write_text("")
    with pytest.raises(ValueError, match="contains no API key"):
        chat(openai)


def test_stepfun_settings_are_used_by_the_client(openai: Any, server: ReferenceServer) -> None:
    openai.stepfun_settings = Settings(api_key="k", base_url=server.url, model="step-3.5-flash")
    chat(openai)
    assert server.take()[0]["body"]["model"] == "step-3.5-flash"
    assert openai.stepfun_client().stepfun.settings is openai.stepfun_settings


def test_invalid_setting_is_named(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_REGION", "moon")
    openai.api_key = "k"
    with pytest.raises(openai.error.InvalidRequestError, match="STEPFUN_REGION"):
        chat(openai)


def test_clients_are_created_once_per_configuration(openai: Any, stepfun: ReferenceServer) -> None:
    first = openai.stepfun_client()
    assert openai.stepfun_client() is first
    openai.organization = "org-x"
    other = openai.stepfun_client()
    assert other is not first
    assert other._client is first._client


def test_changed_environment_takes_effect(
    openai: Any, stepfun: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat(openai)
    monkeypatch.setenv("STEPFUN_API_KEY", "later-key")
    chat(openai)
    assert [r["headers"]["authorization"] for r in stepfun.take()] == ["Bearer stepfun-key", "Bearer later-key"]


def test_cached_clients_are_limited(openai: Any, server: ReferenceServer) -> None:
    openai.api_base = server.url
    for number in range(_clients._MOST_CLIENTS + 5):
        openai.api_key = f"k{number}"
        openai.stepfun_client()
    assert len(_clients._clients) == _clients._MOST_CLIENTS


def test_cached_state_per_key_is_limited(openai: Any, server: ReferenceServer) -> None:
    openai.api_base = server.url
    for number in range(_clients._MOST_CLIENTS + 5):
        openai.api_key = f"k{number}"
        openai.stepfun_client()
    assert len(_clients._shared) == _clients._MOST_CLIENTS


class Session:
    """The part of an aiohttp session checked before a request is sent."""

    closed = False


def test_cached_sessions_are_limited_and_open(openai: Any, server: ReferenceServer) -> None:
    async def use(count: int, *, close: bool) -> int:
        for _ in range(count):
            session = Session()
            token = openai.aiosession.set(session)
            _clients.client_for(True, "k", server.url, _clients.ApiType.OPEN_AI, None)
            openai.aiosession.reset(token)
            session.closed = close
        return len(_clients._per_loop[asyncio.get_running_loop()])

    assert asyncio.run(use(40, close=False)) == _clients._MOST_CONNECTIONS
    assert asyncio.run(use(40, close=True)) == 1
    assert len(_clients._clients) <= 2 * _clients._MOST_CONNECTIONS


def test_cached_sync_sessions_are_limited(openai: Any, server: ReferenceServer) -> None:
    for _ in range(40):
        openai.requestssession = Session()
        _clients.client_for(False, "k", server.url, _clients.ApiType.OPEN_AI, None)
    assert len(_clients._connections) == _clients._MOST_CONNECTIONS


def test_each_event_loop_has_its_own_connections(openai: Any, stepfun: ReferenceServer) -> None:
    async def ask() -> Any:
        return (await openai.ChatCompletion.acreate(model="gpt-4", messages=HELLO)).choices[0].finish_reason

    assert [asyncio.run(ask()) for _ in range(3)] == ["stop"] * 3


@pytest.mark.parametrize(
    ("proxy", "url", "asynchronous", "expected"),
    [
        (None, "https://a", False, None),
        ("", "https://a", False, None),
        ("http://p", "https://a", False, "http://p"),
        ({"http": "http://h", "https": "http://s"}, "https://a", False, "http://s"),
        ({"http": "http://h", "https": "http://s"}, "http://a", False, "http://h"),
        ({"http": "http://h"}, "https://a", False, None),
        ({"http": "http://h"}, "https://a", True, "http://h"),
    ],
)
def test_proxy_settings_are_used(proxy: Any, url: str, asynchronous: bool, expected: str | None) -> None:
    assert _clients.proxy_for(proxy, url, asynchronous) == expected


def test_proxy_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"openai\.proxy"):
        _clients.proxy_for(1, "https://a", False)


def test_verify_ssl_certs_has_no_effect(openai: Any, stepfun: ReferenceServer) -> None:
    openai.verify_ssl_certs = False
    with pytest.warns(UserWarning, match="always verified"):
        chat(openai)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chat(openai)


def test_log_is_written_to_stderr_without_keys(
    openai: Any, stepfun: ReferenceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    openai.log = "debug"
    chat(openai)
    printed = capsys.readouterr().err
    assert "path=/chat/completions" in printed
    assert "response_code=200" in printed
    assert "stepfun-key" not in printed


def test_409_is_retried_only_for_a_limited_time(openai: Any, server: ReferenceServer) -> None:
    openai.api_base, openai.api_key = server.url, "k"
    assert chat(openai, model="error-again", timeout=5).id == "chatcmpl-1"
    assert len(server.take()) == 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/openai/deployments/a+b/chat/completions?api-version=1", ("/chat/completions", {}, "a b")),
        ("/engines/davinci/completions", ("/completions", {}, "davinci")),
        ("/engines", ("/models", {}, None)),
        ("/engines/x", ("/models/x", {}, None)),
        ("/openai/images/generations:submit?api-version=1", ("/images/generations", {}, None)),
        ("/files?limit=2", ("/files", {"limit": "2"}, None)),
    ],
)
def test_urls_of_0_28_are_replaced_by_stepfuns(url: str, expected: Any) -> None:
    assert _paths.plain(url) == expected


def test_every_submodule_of_openai_0_28_exists() -> None:
    modules = legacy.submodules()
    assert modules["openai"] is legacy
    for name, module in modules.items():
        assert module.__name__ == name.replace("openai", "stepfun_compat.legacy", 1)
