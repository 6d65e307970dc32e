"""An emulator that takes the strict side of contested facts, and our clients against it (stepfun-api 11, 13)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

import stepfun_compat
from stepfun_compat.catalog import default
from stepfun_compat.cli import main
from stepfun_compat.emulator.config import PROFILES, REFUSALS, EmulatorConfig

USER = {"role": "user", "content": "city: Paris"}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
PARTS = [{"type": "text", "text": "Be brief."}]
CASES: dict[str, dict[str, Any]] = {
    "json_schema": {"response_format": FORMAT},
    "penalties": {"frequency_penalty": 1.8},
    "effort": {"reasoning_effort": "xhigh"},
    "roles": {"messages": [{"role": "developer", "content": "Be brief."}, USER]},
    "parts": {"messages": [{"role": "system", "content": PARTS}, USER]},
    "user_parts": {"messages": [{"role": "user", "content": PARTS}]},
    "null_content": {"messages": [USER, CALLED, {"role": "tool", "tool_call_id": "call_1", "content": "x"}]},
    "message_keys": {"messages": [{**USER, "name": "ann"}]},
    "system_messages": {"messages": [USER, {"role": "system", "content": "Be brief."}]},
    "stream_options": {"stream_options": {"include_usage": True}},
    "tool_choice": {"tool_choice": "none"},
    "chat": {},
}


class Place(BaseModel):
    city: str


@pytest.mark.parametrize("name", CASES)
def test_each_refusal_setting_turns_a_200_into_a_400(server: Any, chat: Any, name: str) -> None:
    body = {"messages": [USER], **CASES[name]}
    assert chat(**body).status_code == 200
    server.configure(refuses=[name])
    response = chat(**body)
    assert response.status_code == 400, response.text
    assert "code" not in response.json()["error"]
    assert chat([USER]).status_code == (400 if name == "chat" else 200)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("responses", {}),
        ("json_schema", {"text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}}),
        ("effort", {"reasoning": {"effort": "xhigh"}}),
        ("tool_choice", {"tool_choice": "required"}),
    ],
)
def test_each_refusal_setting_applies_to_responses(server: Any, http: Any, name: str, body: dict[str, Any]) -> None:
    asked = {"model": "step-3.7-flash", "input": "x", **body}
    assert http.post("/v1/responses", json=asked).status_code == 200
    server.configure(refuses=[name])
    assert http.post("/v1/responses", json=asked).status_code == 400


@pytest.mark.parametrize(
    ("name", "purpose", "file"), [("purposes", "file-extract", "a.txt"), ("storage", "storage", "a.png")]
)
def test_each_refusal_setting_applies_to_file_purposes(
    server: Any, http: Any, name: str, purpose: str, file: str
) -> None:
    def upload() -> Any:
        return http.post("/v1/files", data={"purpose": purpose}, files={"file": (file, b"text")})

    assert upload().status_code == 200
    server.configure(refuses=[name])
    assert upload().status_code == 400


def test_every_refusal_setting_is_tested() -> None:
    assert set(REFUSALS) == {*CASES, "responses", "purposes", "storage"}
    assert PROFILES["june"] <= set(REFUSALS)


def test_unknown_refusal_or_profile_is_named() -> None:
    with pytest.raises(ValueError, match="'nonsense'; allowed: json_schema"):
        EmulatorConfig(refuses=frozenset({"nonsense"}))
    with pytest.raises(ValueError, match="profile is 'may'"):
        EmulatorConfig(profile="may")  # type: ignore[arg-type]


def test_command_refuses_an_unknown_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--profile", "may"]) == 2
    assert "june" in capsys.readouterr().err


# ---------------------------------------------------------------- our client against the strict emulator


@pytest.fixture
def client(server: Any) -> Any:
    server.configure(profile="june")
    settings = stepfun_compat.Settings(on_unsupported="ignore")
    with stepfun_compat.OpenAI(api_key=server.api_key, base_url=server.base_url, settings=settings) as made:
        yield made


def test_openai_programs_run_on_the_strict_emulator(client: Any, server: Any) -> None:
    helper = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    answer = helper.parse(model="gpt-4o", messages=[USER], response_format=Place, frequency_penalty=-1.5)
    assert answer.choices[0].message.parsed == Place(city="Paris")
    with helper.stream(model="gpt-4o", messages=[USER], response_format=Place, frequency_penalty=1.5) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Place(city="Paris")
    parsed = client.responses.parse(model="gpt-4o", input="city: Paris", text_format=Place)
    assert parsed.output_parsed == Place(city="Paris")
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "developer", "content": PARTS}, USER, CALLED, {"role": "tool", "tool_call_id": "call_1"}],
        tools=[tool],
        tool_choice="auto",
        stream_options={"include_usage": True},
        stream=True,
        reasoning_effort="xhigh",
    ).close()
    assert client.files.create(file=("a.txt", b"text"), purpose="user_data").purpose == "user_data"
    facts = {row.fact for row in client.stepfun.settled}
    assert {"chat.json_schema", "chat.frequency_penalty", "files.purpose"} <= facts


# ---------------------------------------------------------------- probe --write


@pytest.fixture
def place(server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STEPFUN_BASE_URL", server.base_url)
    monkeypatch.setenv("STEPFUN_API_KEY", server.api_key)
    return server


def test_probe_has_a_request_for_every_contested_fact() -> None:
    from stepfun_compat.diagnostics.probes.settling import SAMPLES

    assert set(SAMPLES) == {fact.fact for fact in default().contested}


def test_probe_writes_refused_facts_and_the_client_uses_them(
    place: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    place.configure(profile="june", refuses=["user_parts", "message_keys", "system_messages", "responses"])
    path = tmp_path / "catalog.toml"
    assert main(["probe", "--yes", "--write", str(path)]) == 0
    out = capsys.readouterr().out
    assert "chat.json_schema: rejected with 400" in out
    assert f"STEPFUN_CATALOG={path}" in out
    settings = stepfun_compat.Settings(catalog_overlay=str(path), on_unsupported="ignore")
    rows = stepfun_compat.catalog.for_settings(settings).settled
    assert {row.fact for row in rows} == {
        "chat.json_schema",
        "chat.frequency_penalty",
        "chat.null_content",
        "chat.text_parts",
        "chat.roles",
        "chat.message_keys",
        "chat.system_messages",
        "chat.stream_options",
        "chat.tool_choice",
        "responses.model",
        "files.purpose",
    }
    assert {row.outcome for row in rows} == {"safe"}
    before = len(place.requests)
    with stepfun_compat.OpenAI(api_key=place.api_key, base_url=place.base_url, settings=settings) as client:
        client.chat.completions.create(
            model="step-3.7-flash", messages=[USER], response_format=FORMAT, frequency_penalty=1.8
        )
        client.responses.create(model="step-3.7-flash", input="x")
        client.files.create(file=("a.txt", b"text"), purpose="user_data")
        assert client.stepfun.settled == ()
    assert len(place.requests) - before == 3


def test_probe_does_not_write_accepted_facts_and_keeps_existing_rows(place: Any, tmp_path: Any) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text('[[aliases]]\npattern = "mine"\nmodel = "step-3.7-flash"', encoding="utf-8")
    assert main(["probe", "--write", str(path), "chat.json_schema", "chat.roles"]) == 0
    place.configure(refuses=["json_schema"])
    assert main(["probe", "--write", str(path), "chat.json_schema"]) == 0
    catalog = stepfun_compat.catalog.load_overlay(path)
    assert [(row.fact, row.model) for row in catalog.settled] == [("chat.json_schema", "step-3.7-flash")]
    assert catalog.alias("mine") is not None
    assert "# chat.roles: openai" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "names", "named"),
    [
        ("not toml [", (), "is not valid TOML"),
        (None, ("chat.nonsense",), "is not a contested fact"),
    ],
)
def test_probe_checks_the_file_before_sending_requests(
    place: Any,
    tmp_path: Any,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    names: tuple[str, ...],
    named: str,
) -> None:
    path = tmp_path / "catalog.toml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    before = len(place.requests)
    assert main(["probe", "--write", str(path), *names]) == 2
    assert named in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert main(["probe", "--write", str(tmp_path / "none" / "x.toml")]) == 2
    assert len(place.requests) == before
