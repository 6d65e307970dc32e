"""`stepfun_compat` used as a module, without creating a client."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from tests.support.wire import Wire

MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    from stepfun_compat import module_client

    module_client.reset(stepfun_compat)  # first, so that an `api_type` detected in another test is not restored
    for name in (*module_client.ATTRIBUTES, *module_client.AZURE_ATTRIBUTES, "api_type"):
        monkeypatch.setattr(stepfun_compat, name, getattr(stepfun_compat, name))
    yield stepfun_compat
    module_client.reset(stepfun_compat)


def test_module_level_calls_use_the_module_attributes(module: Any) -> None:
    wire = Wire()
    module.api_key = "module-key"
    module.http_client = httpx.Client(transport=httpx.MockTransport(wire))
    answer = module.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert answer.choices[0].message.content == "hi"
    assert wire.request.headers["authorization"] == "Bearer module-key"
    module.api_key = "another-key"
    module.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert wire.request.headers["authorization"] == "Bearer another-key"


def test_module_level_call_without_a_key_is_an_openai_error(module: Any) -> None:
    with pytest.raises(openai.OpenAIError, match="STEPFUN_API_KEY"):
        module.chat.completions.create(model="gpt-4o", messages=MESSAGES)


def test_module_client_keeps_a_timeout_of_none_and_openais_name(module: Any) -> None:
    module.api_key = "module-key"
    module.timeout = None
    client = module.chat.completions._client
    assert client.timeout is None
    assert type(client).__name__ == "_ModuleClient"
    module.max_retries = None
    with pytest.raises(TypeError, match="max_retries"):
        _ = module.chat.completions._client


def test_module_client_selects_azure_by_openais_rules(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "stepfun-key")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://somebody.openai.azure.com")
    client = module.chat.completions._client
    assert isinstance(client, openai.AzureOpenAI)
    assert module.api_type == "azure"
    assert client.base_url.host == "api.stepfun.ai"
    assert client.api_key == "stepfun-key"


def test_ambiguous_module_client_is_an_openai_error(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openai-key")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token")
    with pytest.raises(openai.OpenAIError, match="Ambiguous use of module client"):
        _ = module.chat.completions._client
    module.api_type = "openai"
    module.api_key = "stepfun-key"
    assert module.chat.completions._client.api_key == "stepfun-key"
