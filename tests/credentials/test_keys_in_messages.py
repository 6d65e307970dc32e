"""Errors, logs, warnings, `repr`, `explain` and `run` show no key and no password."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import OpenAI, Settings
from tests.support.key_places import ARGUMENTS, MARKED, MESSAGES, ask
from tests.support.wire import KEY, Wire


def test_keys_are_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings(api_key=KEY)
    wire = Wire(
        httpx.Response(401, json={"error": {"message": "Incorrect API key provided", "type": "invalid_api_key"}})
    )
    client = wire.client(settings=settings)
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(client, max_tokens=9)
    for text in (repr(settings), str(settings), repr(client), str(caught.value), repr(caught.value), caplog.text):
        assert KEY not in text


def test_debug_bodies_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="stepfun_compat")
    ours = logging.getLogger("stepfun_compat")
    messages: Any = [{"role": "user", "content": f"my key is {MARKED} " + "long " * 500}]
    Wire().client().chat.completions.create(model="gpt-4o", messages=messages)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name == ours.name)
    assert MARKED not in logged
    assert len(logged) < 3000


PASSWORD = "password-0123456789"


@pytest.mark.parametrize(
    "make",
    [
        lambda url: OpenAI(base_url=url),
        lambda url: OpenAI(api_key=KEY).with_options(base_url=url),
        lambda url: Settings(base_url=url.replace("https", "ftp")),
        lambda url: OpenAI(api_key=KEY, settings=Settings(fallback={"embeddings": url})),
    ],
)
def test_errors_do_not_show_a_password_in_a_url(make: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    for url in (f"https://user:{PASSWORD}@gateway.example/v1", f"https://gateway.example/v1?key={PASSWORD}"):
        with pytest.raises(openai.OpenAIError) as caught:
            make(url)
        shown = "".join(traceback.format_exception_only(caught.type, caught.value))
        assert PASSWORD not in shown
        assert KEY not in shown


def test_connection_error_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", f"http://user:{PASSWORD}@127.0.0.1:9/v1")
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    with OpenAI(max_retries=0) as client, pytest.raises(openai.APIConnectionError) as caught:
        ask(client)
    chain = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in chain
    assert KEY not in chain
    doctor = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", "doctor", "--json"],
        env={**os.environ, "OPENAI_API_KEY": MARKED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert doctor.returncode == 1
    assert json.loads(doctor.stdout)["ok"] is False
    for secret in (PASSWORD, KEY, MARKED):
        assert secret not in doctor.stdout + doctor.stderr


def test_repr_does_not_show_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("STEPFUN_BASE_URL", f"https://user:{PASSWORD}@gateway.example/v1")
    client = OpenAI(default_headers={"x-key": MARKED})
    plain = vars(openai.OpenAI(api_key="k"))
    own = {name: value for name, value in vars(client).items() if name not in plain}
    shown = [
        client,
        client.stepfun,
        client.stepfun.settings,
        own,
        client._stepfun,
        client._stepfun.guard,
        client._stepfun.target,
    ]
    for each in shown:
        for text in (repr(each), str(each)):
            assert KEY not in text
            assert PASSWORD not in text


def test_explain_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-key-of-openai")
    for key in (KEY, MARKED, "sk-plain-key-of-openai"):
        for place in ARGUMENTS:
            given = ARGUMENTS[place](key)
            if any(isinstance(name, bytes) for name in given.get("extra_headers", {})):
                continue
            told_of = stepfun_compat.explain(model="gpt-4o", messages=MESSAGES, **given)
            assert key not in str(told_of)
            assert key not in json.dumps(told_of.to_dict())


def test_logs_and_warnings_show_no_key(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Covers every logger at DEBUG, including the SDK's and httpx's."""
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx", "httpcore", "stepfun_compat"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stepfun_compat.reset_warnings()
        for place in ("lower case", "another header"):
            ask(
                wire.client(api_key=MARKED, settings=stepfun_compat.Settings(on_unsupported="warn")),
                seed=1,
                logit_bias={"1": 1},
                **ARGUMENTS[place](MARKED),
            )
        wire.client().get("https://elsewhere.example/x", cast_to=object)
    assert caught
    said = caplog.text + "".join(str(w.message) for w in caught)
    assert KEY not in said
    # the SDK hides `api-key` and `Authorization` in the options it logs
    assert MARKED not in said


@pytest.mark.parametrize("emulate", [True, False])
def test_run_adds_no_real_key_to_the_environment(emulate: bool) -> None:
    """The placeholder for frameworks is never sent, and the user's key is not sent to the emulator."""
    pytest.importorskip("uvicorn")
    code = (
        "import os, subprocess, sys; print(os.environ['OPENAI_API_KEY']); print(os.environ['STEPFUN_API_KEY'], flush=True); "
        "subprocess.run([sys.executable, '-c', 'import os; print(os.environ[\"STEPFUN_API_KEY\"])'])"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", "run", *(["--emulate"] if emulate else []), "-c", code],
        env={**os.environ, "STEPFUN_API_KEY": KEY, "STEP_API_KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    placeholder, own, *child = ran.stdout.split()
    assert placeholder != KEY
    assert (own == KEY) is not emulate
    assert child == [own]
