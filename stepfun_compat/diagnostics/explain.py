"""Explain what a call would send, without sending it: run the same translation and show the result."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from typing_extensions import override

from ..catalog import for_settings as catalog_for
from ..contested_memory import in_safe_form
from ..credentials.guard import contains_any_key
from ..credentials.keys import looks_like_openai_key
from ..credentials.target import resolve_target
from ..credentials.urls import redact_url
from ..endpoints import routing as table
from ..endpoints.base import Endpoint, Flow, Send, WireRequest, WireResponse
from ..endpoints.context import Change, ClientFacts, Json, NotStored, RequestContext, RequestRejected
from ..endpoints.json_values import UnexpectedBody
from ..endpoints.unsupported import fallback_name
from ..settings import Settings, settings_or_default

ENDPOINTS: Final[Mapping[str, tuple[str, str]]] = {
    "chat.completions": ("POST", "/chat/completions"),
    "completions": ("POST", "/completions"),
    "responses": ("POST", "/responses"),
    "embeddings": ("POST", "/embeddings"),
    "moderations": ("POST", "/moderations"),
    "images.generate": ("POST", "/images/generations"),
    "images.edit": ("POST", "/images/edits"),
    "images.create_variation": ("POST", "/images/variations"),
    "audio.speech": ("POST", "/audio/speech"),
    "audio.transcriptions": ("POST", "/audio/transcriptions"),
    "audio.translations": ("POST", "/audio/translations"),
    "files": ("POST", "/files"),
    "files.list": ("GET", "/files"),
    "files.retrieve": ("GET", "/files/{file_id}"),
    "files.delete": ("DELETE", "/files/{file_id}"),
    "files.content": ("GET", "/files/{file_id}/content"),
    "uploads": ("POST", "/uploads"),
    "uploads.parts": ("POST", "/uploads/{upload_id}/parts"),
    "uploads.complete": ("POST", "/uploads/{upload_id}/complete"),
    "uploads.cancel": ("POST", "/uploads/{upload_id}/cancel"),
    "vector_stores": ("POST", "/vector_stores"),
    "vector_stores.list": ("GET", "/vector_stores"),
    "vector_stores.retrieve": ("GET", "/vector_stores/{vector_store_id}"),
    "vector_stores.files": ("POST", "/vector_stores/{vector_store_id}/files"),
    "vector_stores.files.list": ("GET", "/vector_stores/{vector_store_id}/files"),
    "vector_stores.files.retrieve": ("GET", "/vector_stores/{vector_store_id}/files/{file_id}"),
    "vector_stores.file_batches": ("POST", "/vector_stores/{vector_store_id}/file_batches"),
    "vector_stores.file_batches.retrieve": ("GET", "/vector_stores/{vector_store_id}/file_batches/{batch_id}"),
    "vector_stores.file_batches.list_files": ("GET", "/vector_stores/{vector_store_id}/file_batches/{batch_id}/files"),
    "batches": ("POST", "/batches"),
    "batches.list": ("GET", "/batches"),
    "batches.retrieve": ("GET", "/batches/{batch_id}"),
    "batches.cancel": ("POST", "/batches/{batch_id}/cancel"),
    "responses.input_tokens": ("POST", "/responses/input_tokens"),
    "responses.retrieve": ("GET", "/responses/{response_id}"),
    "responses.delete": ("DELETE", "/responses/{response_id}"),
    "responses.cancel": ("POST", "/responses/{response_id}/cancel"),
    "responses.input_items.list": ("GET", "/responses/{response_id}/input_items"),
    "conversations": ("POST", "/conversations"),
    "conversations.retrieve": ("GET", "/conversations/{conversation_id}"),
    "conversations.update": ("POST", "/conversations/{conversation_id}"),
    "conversations.delete": ("DELETE", "/conversations/{conversation_id}"),
    "conversations.items": ("POST", "/conversations/{conversation_id}/items"),
    "conversations.items.list": ("GET", "/conversations/{conversation_id}/items"),
    "conversations.items.retrieve": ("GET", "/conversations/{conversation_id}/items/{item_id}"),
    "conversations.items.delete": ("DELETE", "/conversations/{conversation_id}/items/{item_id}"),
    "models.list": ("GET", "/models"),
    "models.retrieve": ("GET", "/models/{model}"),
}
DEFAULT: Final = "chat.completions"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_VERBS: Final = (".create", ".parse", ".stream", ".count")
_FILES: Final = ("file", "image", "mask", "data")
_LONG: Final = 4096  # texts with more characters are shortened when printed: a recording has megabytes


@dataclass(frozen=True)
class PlannedRequest:
    """One request of a call that takes several. A `poll` is repeated until StepFun is ready."""

    method: str
    url: str
    query: Mapping[str, Any]
    body: Json
    poll: bool = False

    @override
    def __str__(self) -> str:
        text = f"{self.method} {self.url}"
        if self.query:
            text += f"?{urlencode(self.query, doseq=True)}"
        if self.poll:
            text += " (repeated until StepFun is ready)"
        if self.body is not None:
            text += " " + json.dumps(_shortened(self.body), ensure_ascii=False, default=str)
        return text


@dataclass(frozen=True)
class Explanation:
    """The request that would be sent to StepFun, and every change made by the translation.

    `refusal` is the text of the error the call would raise before any connection, None for a call that is sent.
    `requests` is the number of requests the call takes, `steps` are those requests in order, without those that depend on
    a response of StepFun, such as corrections. `method`, `url`, `headers` and `body` are those of the first request other
    than a poll.
    """

    endpoint: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Json
    changes: tuple[Change, ...] = field(default_factory=tuple)
    refusal: str | None = None
    requests: int = 1
    steps: tuple[PlannedRequest, ...] = ()

    @override
    def __str__(self) -> str:
        lines = [f"{self.method} {self.url}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.refusal is not None:
            lines += ["", f"refused: {self.refusal}"]
        else:
            lines += ["", json.dumps(_shortened(self.body), ensure_ascii=False, indent=2, default=str)]
        if self.requests == 0 and self.refusal is None:
            lines += ["", "requests: 0 (the client handles it locally)"]
        elif self.requests != 1:
            lines += ["", f"requests: {self.requests}"]
            lines += [f"{place}. {step}" for place, step in enumerate(self.steps, 1)]
        lines.append("")
        lines += [f"- {change}" for change in self.changes]
        if not self.changes and self.refusal is None:
            lines.append("- nothing is changed")
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # IPython calls this in a notebook
        printer.text("Explanation(...)" if cycle else str(self))

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain data, for `--json` and tests."""
        return {
            "endpoint": self.endpoint,
            "method": self.method,
            "url": self.url,
            "headers": dict(self.headers),
            "body": self.body,
            "changes": [vars(change) for change in self.changes],
            "refusal": self.refusal,
            "requests": self.requests,
            "steps": [vars(step) for step in self.steps],
        }


def _shortened(value: Json) -> Json:
    if isinstance(value, str):
        return value if len(value) <= _LONG else f"{value[:60]}… ({len(value):,} characters)"
    if isinstance(value, Mapping):
        return {key: _shortened(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    return [_shortened(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value


def _upload(value: Any) -> Any:
    """Return a file as the SDK passes it on; a path is read."""
    if isinstance(value, os.PathLike):
        path = Path(cast("os.PathLike[str]", value))
        return (path.name, path.read_bytes())
    return value


def plain(value: Any) -> Json:
    """Return arguments of a call as the JSON that the SDK would send: models and response types become plain data, and
    arguments that are not given are removed."""
    import pydantic

    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in _given_items(cast("Mapping[str, Any]", value))}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, type) and issubclass(value, pydantic.BaseModel):
        return plain(_response_format(value))
    if isinstance(value, pydantic.BaseModel):
        return plain(value.model_dump(mode="json", exclude_unset=True))
    several = cast("Any", value)
    return [plain(inner) for inner in several] if hasattr(several, "__iter__") else str(several)


def _given_items(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    import openai

    left_out = (openai.NotGiven, getattr(openai, "Omit", openai.NotGiven))
    return [(key, value) for key, value in values.items() if not isinstance(value, left_out)]


def _response_format(model: type[Any]) -> Any:
    from openai.lib._parsing import type_to_response_format_param

    return type_to_response_format_param(model)


_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "cookie"})


def _fit_to_print(pairs: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Return headers or a query with credentials hidden, since explanations are pasted into logs and tickets."""
    keys = [key for key in (settings.api_key, os.environ.get("OPENAI_API_KEY", "").strip()) if key]

    def shown(name: str, value: str) -> str:
        hidden = name.lower() in _CREDENTIALS or looks_like_openai_key(value) or contains_any_key(keys, value)
        return "…" if hidden else value

    return {name: shown(name, str(value)) for name, value in pairs.items()}


def explain_call(
    endpoint: str,
    kwargs: Mapping[str, Any],
    settings: Settings,
    *,
    base_url: str | None = None,
    deployment: str | bool = False,
) -> Explanation:
    """Translate a call's arguments and return the result. `endpoint` is a resource's dotted name, or `METHOD /path`;
    `deployment` is the Azure deployment of the client, True if the call names it.

    Raises:
        ValueError: the endpoint is not known.
    """
    method, path = _method_and_path(endpoint)
    request = _request_of(method, path, kwargs)
    url = base_url or resolve_target(None, settings, explicit_settings=True, api_key=None).base_url
    found = table.find(method, request.path)
    client = ClientFacts(base_url or "", deployment, dry_run=True)
    context = RequestContext(endpoint, settings, catalog_for(settings), client=client)
    elsewhere = _fallback_url(request, context)
    if elsewhere is not None:
        return _explanation(context, request, [Send(request)], elsewhere)
    if found is None:
        return _explanation(context, request, [Send(request)], url)
    context.endpoint = found.name or endpoint
    sends: list[Send] = []
    refusal: str | None = None
    try:
        _plan(found, request, context, url, sends)
    except RequestRejected as error:
        refusal = error.message
    return _explanation(context, request, sends, url, refusal)


def _fallback_url(request: WireRequest, context: RequestContext) -> str | None:
    """Return the base URL of the provider in `Settings.fallback` for a request, or None."""
    name = fallback_name(request.method, request.path)
    fallback: Any = None if name is None else context.settings.fallback.get(name)
    if name is None or fallback is None:
        return None
    url = redact_url(fallback if isinstance(fallback, str) else str(fallback.base_url)).rstrip("/")
    context.endpoint = name
    context.record_change("route", "path", request.path, url + request.path, "Settings.fallback sends it there")
    return url


def _method_and_path(endpoint: str) -> tuple[str, str]:
    """Return the HTTP method and path of a resource's dotted name, with or without its verb, or of `METHOD /path`.

    Raises:
        ValueError: the endpoint is not known.
    """
    name = endpoint if endpoint in ENDPOINTS or not endpoint.endswith(_VERBS) else endpoint.rpartition(".")[0]
    known = ENDPOINTS.get(name)
    if known is not None:
        return known
    if " /" in endpoint:
        method, _, path = endpoint.partition(" ")
        return method.upper(), path
    raise ValueError(f"endpoint={endpoint!r} is not known: it must be one of {', '.join(ENDPOINTS)}, or 'POST /path'.")


def _request_of(method: str, path: str, kwargs: Mapping[str, Any]) -> WireRequest:
    """Return the request openai builds from a call's arguments; files are unchanged."""
    given = dict(kwargs)
    files = _taken_files(given) if method == "POST" else None
    body: dict[str, Any] = plain(given)
    path = _PLACEHOLDER.sub(lambda found: _segment(found[1], body), path)
    headers: dict[str, Any] = body.pop("extra_headers", None) or {}
    query: dict[str, Any] = body.pop("extra_query", None) or {}
    body |= body.pop("extra_body", None) or {}
    body.pop("timeout", None)
    if method == "GET":
        query, body = {**body, **query}, {}
    return WireRequest(method, path, query, headers, body or None, files)


def _segment(name: str, body: dict[str, Any]) -> str:
    """Remove an argument that is part of the path from a body.

    Raises:
        ValueError: it is missing or empty, which openai rejects as well.
    """
    value = str(body.pop(name, None) or "")
    if not value:
        raise ValueError(f"{name} is missing: it is part of the URL.")
    return quote(value, safe="")


def _taken_files(given: dict[str, Any]) -> list[tuple[str, Any]] | None:
    """Remove the files from a call's arguments and return them as the SDK passes them on; None if there are none. An object
    of this name, such as the `image` of Responses, is JSON."""
    names = [name for name in _FILES if given.get(name) is not None and not isinstance(given[name], Mapping)]
    return [(name, _upload(given.pop(name))) for name in names] or None


def _explanation(
    context: RequestContext, request: WireRequest, sends: Sequence[Send], url: str, refusal: str | None = None
) -> Explanation:
    """Return the explanation of a planned call. If only polls are sent, it shows `request`, as the caller wrote it."""
    settings = context.settings
    shown = next((send.request for send in sends if not send.poll), request)
    place = redact_url(url).rstrip("/")
    return Explanation(
        endpoint=context.endpoint,
        method=shown.method,
        url=place + shown.path,
        headers={**_fit_to_print(shown.headers, settings), **context.headers},
        body=shown.json,
        changes=tuple(context.changes),
        refusal=refusal,
        requests=0 if refusal is not None else len(sends),
        steps=tuple(
            PlannedRequest(
                send.request.method,
                place + send.request.path,
                _fit_to_print(send.request.query, settings),
                send.request.json,
                send.poll,
            )
            for send in sends
        ),
    )


def _plan(endpoint: Endpoint, request: WireRequest, context: RequestContext, url: str, sends: list[Send]) -> None:
    """Append the requests a call would make to `sends`.

    Raises:
        RequestRejected: the call would be rejected before any connection.
    """
    script = endpoint.script(request, context)
    last: WireResponse | WireRequest
    if script is None:
        last = endpoint.transform_request(request, context)
    else:
        try:
            last = _run(script, endpoint, context, url, sends)
        except NotStored:
            return  # the store was not read
        except (RequestRejected, UnexpectedBody):
            if not sends:
                raise
            return  # what follows depends on StepFun's response, in whose place an example was used
    if isinstance(last, WireRequest):
        sends.append(Send(in_safe_form(endpoint, last, context, url)))


def _run(
    script: Flow, endpoint: Endpoint, context: RequestContext, url: str, sends: list[Send]
) -> WireResponse | WireRequest:
    """Run a script without StepFun, the store or a clock.

    A request with an example gets that as its response, and a store operation nothing. The script ends at a request
    without an example, where StepFun's response decides what follows.
    """
    reply = WireResponse(None)
    try:
        effect = next(script)
        while True:
            reply = WireResponse(None)
            if isinstance(effect, Send):
                sends.append(replace(effect, request=in_safe_form(endpoint, effect.request, context, url)))
                if effect.example is None:
                    script.close()
                    return reply
                reply = WireResponse(copy.deepcopy(effect.example))
            effect = script.send(reply)
    except StopIteration as stop:
        return stop.value


def explain(endpoint: str = "", /, *, settings: Settings | None = None, **kwargs: Any) -> Explanation:
    """Return what `client.<endpoint>.create(**kwargs)` would send, without a client, a key or a connection.

    The endpoint is the positional argument, else `endpoint=`, else `chat.completions`. After a positional endpoint,
    `endpoint=` is an argument of the call: `explain("batches", endpoint=…)`.

    Raises:
        ValueError: the endpoint is not known, or an id that is part of its URL is missing.
        SettingsError: a setting has a value that is not allowed.
    """
    return explain_call(endpoint or kwargs.pop("endpoint", DEFAULT), kwargs, settings_or_default(settings))


def token_count_body(messages: Any, model: str, settings: Settings) -> Json:
    """Return the body of StepFun's token count (stepfun-api 7), with the model resolved and the messages translated.

    Raises:
        ValueError: a chat completion would refuse the messages.
    """
    explanation = explain_call("chat.completions", {"model": model, "messages": messages}, settings, base_url="")
    if explanation.refusal is not None:
        raise ValueError(explanation.refusal)
    body: Any = explanation.body
    return {"model": body["model"], "messages": body["messages"]}
