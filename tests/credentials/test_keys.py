"""An OpenAI key is never sent to StepFun, nor a StepFun key to anyone else, wherever it was set."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, KeyRefusedError, OpenAI, module_client
from tests.support.key_places import MARKED, MESSAGES, ask, sent_text
from tests.support.wire import KEY, Wire

THEIR_KEYS = ("sk-proj-abc", "sk-svcacct-abc", "sk-admin-abc", "sk-abcT3BlbkFJdef")


@pytest.mark.parametrize("key", THEIR_KEYS)
def test_openai_key_is_replaced_or_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyRefusedError, match="STEPFUN_API_KEY") as caught:
        OpenAI(api_key=key)
    assert key not in str(caught.value)
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    ask(wire.client(api_key=key))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


def test_key_in_openai_api_key_is_openais_without_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-but-theirs")
    with pytest.raises(KeyRefusedError):
        OpenAI()
    with pytest.raises(KeyRefusedError):
        OpenAI(api_key="sk-plain-but-theirs")
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    ask(wire.client(api_key="sk-plain-but-theirs"))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


def test_openai_variables_with_stepfuns_url_contain_a_stepfun_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-stepfun-in-their-variable")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.stepfun.com/v1")
    client = OpenAI()
    assert client.api_key == "sk-stepfun-in-their-variable"
    assert str(client.base_url) == "https://api.stepfun.com/v1/"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert OpenAI(base_url="https://api.stepfun.com/v1").api_key == "sk-stepfun-in-their-variable"


def test_openai_key_in_the_stepfun_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", MARKED)
    with pytest.raises(KeyRefusedError, match="STEPFUN_API_KEY") as caught:
        OpenAI()
    assert MARKED not in str(caught.value)


def test_missing_key_is_an_openai_error_that_names_the_variable() -> None:
    with pytest.raises(openai.OpenAIError, match="STEPFUN_API_KEY"):
        OpenAI()
    with pytest.raises(openai.OpenAIError, match="STEPFUN_API_KEY"):
        AsyncOpenAI()


def test_step_api_key_is_read_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEP_API_KEY", "second")
    assert OpenAI().api_key == "second"
    monkeypatch.setenv("STEPFUN_API_KEY", "first")
    assert OpenAI().api_key == "first"


@pytest.mark.anyio
async def test_callable_keys_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    ask(wire.client(api_key=lambda: "from-a-call"))
    assert wire.request.headers["authorization"] == "Bearer from-a-call"
    ask(wire.client(api_key=lambda: "from-a-call").with_options(timeout=1))
    assert wire.request.headers["authorization"] == "Bearer from-a-call"

    async def provider() -> str:
        return "from-a-wait"

    await wire.async_client(api_key=provider).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert wire.request.headers["authorization"] == "Bearer from-a-wait"
    sent = len(wire.requests)
    with pytest.raises(KeyRefusedError):
        ask(wire.client(api_key=lambda: MARKED))
    assert len(wire.requests) == sent
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    ask(wire.client(api_key=lambda: MARKED))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


def test_reassigned_key_passes_the_same_credential_check(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    client = wire.client()
    client.api_key = "another-stepfun-key"
    ask(client)
    assert wire.request.headers["authorization"] == "Bearer another-stepfun-key"
    client.api_key = MARKED
    with pytest.raises(KeyRefusedError):
        ask(client)
    assert len(wire.requests) == 1
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    client = wire.client()
    client.api_key = MARKED
    ask(client)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.anyio
async def test_organization_and_project_variables_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-LEAK")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-LEAK")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: LEAK")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-LEAK")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-LEAK")
    wire = Wire()
    client = wire.client(default_headers={"x-mine": "kept"})
    for each in (client, client.with_options(timeout=1), client.copy(default_headers={"y": "z"})):
        ask(each)
        assert "LEAK" not in str(wire.request.headers)
        assert wire.request.headers["x-mine"] == "kept"
        assert each.organization is None
        assert each.project is None
        assert getattr(each, "admin_api_key", None) is None
    await wire.async_client().with_options(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert "LEAK" not in str(wire.request.headers)


def test_organization_of_the_caller_is_not_sent() -> None:
    wire = Wire()
    client = wire.client(organization="org-mine", project="proj-mine")
    ask(client)
    assert client.organization == "org-mine"
    assert "mine" not in str(wire.request.headers)


def test_existing_client_ignores_a_changed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    client = wire.client()
    monkeypatch.setenv("OPENAI_API_KEY", MARKED)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-LEAK")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://elsewhere.example/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: LEAK")
    for each in (client, client.with_options(timeout=3)):
        ask(each)
        assert wire.request.url.host == "api.stepfun.ai"
        assert wire.request.headers["authorization"] == f"Bearer {KEY}"
        assert "LEAK" not in sent_text(wire.request)


@pytest.mark.parametrize("how", ["assigned", "argument"])
def test_admin_key_is_never_sent_to_stepfun(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    admin = "sk-admin-theirs0123456789abcdef"
    client: Any = wire.client(**({"admin_api_key": admin} if how == "argument" and "admin_api_key" in NEWER else {}))
    if how == "assigned":
        client.admin_api_key = admin
    client.get("/accounts", cast_to=object)
    assert admin not in sent_text(wire.request)
    if hasattr(client, "admin"):
        with pytest.raises(openai.APIError):
            client.admin.organization.projects.list()
        assert len(wire.requests) == 1


NEWER = openai.OpenAI.__init__.__kwdefaults__ or {}


def test_openai_credentials_in_module_attributes_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setattr(stepfun_compat, "api_key", MARKED)
    monkeypatch.setattr(stepfun_compat, "organization", "org-LEAK")
    monkeypatch.setattr(stepfun_compat, "default_headers", {"api-key": MARKED})
    monkeypatch.setattr(stepfun_compat, "default_query", {"key": MARKED})
    monkeypatch.setattr(stepfun_compat, "http_client", httpx.Client(transport=httpx.MockTransport(wire)))
    module_client.reset(stepfun_compat)
    try:
        stepfun_compat.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    finally:
        module_client.reset(stepfun_compat)
    assert MARKED not in sent_text(wire.request)
    assert "LEAK" not in sent_text(wire.request)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("kwargs", [{"default_headers": {"Authorization": f"Bearer {MARKED}"}}, {}])
def test_client_key_replaces_an_openai_key(kwargs: dict[str, Any]) -> None:
    """This holds without any environment variable, and for `auth=` of an HTTP client."""
    wire = Wire()
    ask(wire.client(**kwargs), extra_headers={"authorization": f"Bearer {MARKED}"})
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    ask(OpenAI(api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(wire), auth=("u", MARKED))))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    assert len(wire.requests) == 2
