"""The checks of `stepfun-compat doctor`: one finding per line, each with its fix."""

from __future__ import annotations

import os
import ssl
import sys
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import Any, cast
from uuid import uuid4

import openai

from .. import stock
from ..account import tier_of
from ..catalog.aliases import DEFAULT_CHAT
from ..credentials.keys import PLACEHOLDER_KEY, stepfun_key
from ..credentials.target import resolve_target
from ..credentials.urls import redact_url
from ..errors import KeyRefusedError, SettingsError, without_keys
from ..settings import SETTINGS, Settings
from ..state import in_this_process
from . import environment
from .finding import Finding as Finding


def examine(*, offline: bool = False, call: bool = False) -> list[Finding]:
    """Run every check, in order. `offline` skips those that need the network; `call` also makes one small paid call."""
    findings = [*_versions()]
    try:
        settings = Settings()
    except SettingsError as error:
        return [*findings, Finding("settings", "fail", str(error), "correct the value"), *environment.findings()]
    findings += environment.findings()
    findings += _configured(settings)
    target = resolve_target(None, settings, explicit_settings=True, api_key=None)
    findings.append(Finding("base URL", "ok", f"{_shown(target.base_url)} (from {target.source})"))
    try:
        tier_of(settings, target.base_url)
    except SettingsError as error:
        fix = "set the tier that the account page of this platform shows"
        return [*findings, Finding("tier", "fail", str(error), fix), Finding("server", "skip", "not checked")]
    findings += _keys(settings, target.named)
    findings += _environment(settings)
    key_state = next(finding.state for finding in findings if finding.check == "key")
    if offline:
        return [*findings, Finding("server", "skip", "not checked")]
    try:
        findings += _server(settings) if key_state == "ok" else _reach(target.base_url)
        if call and key_state == "ok":
            findings.append(_test_call(settings))
    except Exception as error:  # an HTTP library's error for an invalid proxy or certificate
        text = f"a client cannot be created here: {type(error).__name__}: {without_keys(str(error))}"
        findings.append(Finding("server", "fail", text, "see proxy and CA store above"))
    return findings


def _test_call(settings: Settings) -> Finding:
    from ..client import OpenAI

    with OpenAI(settings=settings, timeout=60, max_retries=0) as client:
        model, started = settings.model or DEFAULT_CHAT, time.monotonic()
        try:
            made = client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "Say ok."}], max_tokens=16
            )
        except openai.OpenAIError as error:
            return Finding("call", "fail", without_keys(str(error)), "see the message; stepfun-compat models --live")
    used = made.usage.total_tokens if made.usage else "unknown"
    seconds = time.monotonic() - started
    return Finding("call", "ok", f"{model} answered in {seconds:.1f} s, {used} tokens")


def _configured(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    for name, spec in SETTINGS.items():
        value, source = getattr(settings, name), settings.source(name)
        if source == "default" or name in ("api_key", "base_url"):  # these have separate lines
            continue
        if isinstance(value, Mapping):
            value = dict(cast("Mapping[str, Any]", value))
        found.append(Finding(name, "ok", f"{'***' if spec.secret and value else value} (from {source})"))
    return found or [Finding("settings", "ok", "none set; all have their defaults")]


def _shown(url: Any) -> str:
    return redact_url(str(url))


def _versions() -> list[Finding]:
    def version(name: str) -> str:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return "not installed"

    found = ", ".join(f"{name} {version(name)}" for name in ("openai", "pydantic", "httpx", "httpx2"))
    major = tuple(int(part) for part in openai.__version__.split(".")[:2])
    fits = (1, 66) <= major < (4, 0)
    return [
        Finding("python", "ok", sys.version.split()[0]),
        Finding("packages", "ok" if fits else "fail", found, "" if fits else "pip install 'openai>=1.66,<4'"),
    ]


def _keys(settings: Settings, base_url: str) -> list[Finding]:
    found: list[Finding] = []
    try:
        key = stepfun_key(settings, base_url)
    except KeyRefusedError as error:
        return [Finding("key", "fail", str(error), "set STEPFUN_API_KEY to the StepFun key")]
    if key is None:
        found.append(Finding("key", "fail", "there is no StepFun key", "set STEPFUN_API_KEY (or STEP_API_KEY)"))
    else:
        source = settings.source("api_key") if settings.api_key else "OPENAI_API_KEY"
        found.append(Finding("key", "ok", f"present, from {source}, {len(key)} characters"))
    theirs = os.environ.get("OPENAI_API_KEY")
    if theirs and theirs not in (key, PLACEHOLDER_KEY):
        found.append(
            Finding(
                "OPENAI_API_KEY",
                "warn" if key is None else "ok",
                "ignored: it is not known to be a StepFun key, and is never sent to StepFun",
                "if it is your StepFun key, set it as STEPFUN_API_KEY",
            )
        )
    if key is not None and not os.environ.get("OPENAI_AGENTS_DISABLE_TRACING") and _installed("agents"):
        found.append(
            Finding(
                "OpenAI Agents tracing",
                "warn",
                "the Agents SDK sends traces to OpenAI with the key it finds",
                "set OPENAI_AGENTS_DISABLE_TRACING=1",
            )
        )
    return found


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _environment(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    proxies = sorted(
        name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    )
    found.append(Finding("proxy", "ok", ", ".join(proxies) if proxies else "none set"))
    found.append(_certificates())
    workers = [name for name in ("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "UVICORN_WORKERS") if os.environ.get(name)]
    if workers and in_this_process(settings.state):
        found.append(
            Finding(
                "conversation state",
                "warn",
                f"{', '.join(workers)} is set, but each process stores its own conversations ({settings.state})",
                "set STEPFUN_STATE=sqlite:///path or redis://… so that workers continue each other's conversations",
            )
        )
    found.append(_store(settings))
    return found


def _certificates() -> Finding:
    paths = ssl.get_default_verify_paths()
    store = os.environ.get("SSL_CERT_FILE") or paths.cafile or paths.capath
    if store or _installed("certifi"):
        return Finding("CA store", "ok", store or "certifi")
    return Finding("CA store", "fail", "none found", "install the ca-certificates package, or set SSL_CERT_FILE")


def _store(settings: Settings) -> Finding:
    """Check that a record can be written to the conversation store and read back."""
    from ..endpoints.base import StoreOperation
    from ..state import Limits, StateError, execute, open_store

    place = settings.state.partition("://")[0] + "://"
    record, probe = {"written": time.time()}, f"probe-{uuid4()}"
    started = time.monotonic()
    try:
        store, limits = open_store(settings.state), Limits(ttl=60, timeout=settings.state_timeout)
        execute(store, "doctor", StoreOperation(save={probe: record}), limits)
        kept = execute(store, "doctor", StoreOperation(load=[probe]), limits).get(probe) == record
        execute(store, "doctor", StoreOperation(delete=[probe]), limits)
    except StateError as error:
        return Finding("conversation store", "fail", f"{place} {error}", "check STEPFUN_STATE")
    if not kept:
        fix = "check the limits of the store (Redis: maxmemory and its policy)"
        return Finding("conversation store", "fail", f"{place} did not return a record it had just stored", fix)
    milliseconds = (time.monotonic() - started) * 1000
    return Finding("conversation store", "ok", f"{place} works ({milliseconds:.0f} ms)")


def _server(settings: Settings) -> list[Finding]:
    from ..client import OpenAI

    with OpenAI(settings=settings, timeout=10, max_retries=0) as client:
        started = time.monotonic()
        try:
            raw: Any = client.models.with_raw_response.list()
            listed = [model.id for model in raw.parse().data]
        except openai.AuthenticationError:
            return [
                Finding(
                    "server",
                    "fail",
                    f"401: the key does not work at {_shown(client.base_url)}",
                    "a key works in one region only: set STEPFUN_REGION to that of the key, global or cn",
                )
            ]
        except openai.APIStatusError as error:
            return [
                Finding(
                    "server", "fail", f"{error.status_code}: {error.message}", "check STEPFUN_PLAN and the base URL"
                )
            ]
        except openai.OpenAIError as error:
            return [_unreachable(error)]
        milliseconds = (time.monotonic() - started) * 1000
    found = [Finding("server", "ok", f"reached in {milliseconds:.0f} ms, request id {raw.headers.get('x-request-id')}")]
    found.append(_clock(raw.headers.get("date")))
    wanted = settings.model or DEFAULT_CHAT
    found.append(
        Finding(
            "models",
            "ok" if wanted in listed else "warn",
            f"{len(listed)} listed" + ("" if wanted in listed else f", {wanted} is not among them"),
            "" if wanted in listed else "choose a listed model with STEPFUN_MODEL (stepfun-compat models --live)",
        )
    )
    return found


def _reach(base_url: str) -> list[Finding]:
    """Check whether the host responds at all, without a key."""
    made: Any = stock.OpenAI(api_key="none", base_url=base_url, timeout=10, max_retries=0, default_headers={})
    made.organization = made.project = None
    made._custom_headers = {}
    with made as client:
        try:
            client.get("/models", cast_to=object)
        except openai.APIStatusError as error:
            answer: Any = error.response
            return [
                Finding("server", "ok", f"reached; returns {error.status_code} for a request without a key"),
                _clock(answer.headers.get("date")),
            ]
        except openai.OpenAIError as error:
            return [_unreachable(error)]
    return [Finding("server", "ok", "reached; it lists models without a key")]


def _unreachable(error: openai.OpenAIError) -> Finding:
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return Finding("server", "fail", f"{error}{cause}", "check the network, the proxy and the base URL")


def _clock(date: str | None) -> Finding:
    try:
        there = parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return Finding("clock", "skip", "the server sent no date")
    skew = time.time() - there
    well = abs(skew) < 120
    return Finding(
        "clock",
        "ok" if well else "warn",
        f"{skew:+.0f} s against the server",
        "" if well else "set this machine's clock",
    )
