"""`POST /completions`, the legacy endpoint, over chat: StepFun has no text completions (stepfun-api 10)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from typing_extensions import override

from ..base import Flow, PassThroughEndpoint, Send, StreamTransform, WireRequest, WireResponse, replace
from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, as_dict, as_list
from ..parameters import apply_parameter_policy, given
from .endpoint import ENDPOINT as CHAT
from .response import transform_completion
from .stream import ChatStream
from .usage import add_usage

_INSERT: Final = (
    "Write the text that stands between the two parts the user gives. Answer with that text alone: no quotes, no "
    "explanation, and nothing of the two parts."
)
_HANDLED: Final = ("model", "prompt", "suffix", "echo", "n", "best_of", "logprobs", "stream", "stream_options")


def _prompts(fields: Dict) -> list[str]:
    """Return the prompts as texts.

    Raises:
        RequestRejected: there is none, or they are OpenAI's token numbers.
    """
    prompt = fields.get("prompt")
    listed = cast("Sequence[Any]", prompt) if isinstance(prompt, list | tuple) else (prompt,)
    texts = [entry for entry in listed if isinstance(entry, str)]
    if texts and len(texts) == len(listed):
        return texts
    if prompt is None or not listed:
        raise RequestRejected(
            "prompt is missing: it must be text or a list of texts.", code="missing_parameter", param="prompt"
        )
    raise RequestRejected(
        "prompt contains token numbers, which only OpenAI's models accept. Pass the text instead, for "
        "instance tiktoken.get_encoding(...).decode(prompt).",
        code="invalid_value",
        param="prompt",
    )


def _messages(prompt: str, suffix: Json) -> list[Dict]:
    if not isinstance(suffix, str) or not suffix:
        return [{"role": "user", "content": prompt}]
    text = f"<before>{prompt}</before>\n<after>{suffix}</after>"
    return [{"role": "system", "content": _INSERT}, {"role": "user", "content": text}]


@dataclass(slots=True)
class TextCompletionState:
    """The prompt to repeat before the text, and whether the stream is built here from complete responses."""

    echo: str = ""
    whole_stream: bool = False


class Completions(PassThroughEndpoint):
    """Text completions. A prompt becomes a user message; `suffix` requests the text between."""

    name = "completions"
    rewrites_raw = True

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        return self._wire(request, context, _prompts(given(request))[0], record=True)

    def _wire(self, request: WireRequest, context: RequestContext, prompt: str, *, record: bool) -> WireRequest:
        """Build the chat request for one prompt. `record` is False after the first, so that changes appear once."""
        fields = given(request)
        chat: Dict = {"model": fields.get("model"), "messages": _messages(prompt, fields.get("suffix"))}
        recording = context
        if not record:
            recording = RequestContext(context.endpoint, context.settings, context.catalog, states=context.states)
        apply_parameter_policy(fields, chat, recording, self.name, _HANDLED)
        for name in ("n", "stream", "stream_options"):
            if name in fields:
                chat[name] = fields[name]
        _record_unsupported(fields, recording)
        if record:
            context.record_change("route", "path", request.path, "/chat/completions", "StepFun has no text completions")
        wire = CHAT.transform_request(replace(request, path="/chat/completions", json=chat), recording)
        context.state(TextCompletionState).echo = prompt if fields.get("echo") else ""
        return wire

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        return text_completion(transform_completion(data, context), context.state(TextCompletionState).echo)

    @override
    def transform_stream(self, context: RequestContext) -> StreamTransform | None:
        return None if context.state(TextCompletionState).whole_stream else CompletionStream(context)

    # ------------------------------------------------------------ several prompts

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        prompts = _prompts(given(request))
        return self._one_by_one(request, context, prompts) if len(prompts) > 1 else None

    def _one_by_one(self, request: WireRequest, context: RequestContext, prompts: Sequence[str]) -> Flow:
        """Send one request for each prompt. A stream has one chunk for each choice of the complete responses."""
        fields = given(request)
        stream = bool(fields.get("stream"))
        plain = {key: value for key, value in fields.items() if key not in ("stream", "stream_options")}
        context.record_change(
            "cost", "prompt", f"{len(prompts)} prompts", f"{len(prompts)} requests", "a chat request takes one prompt"
        )
        done: Dict = {}
        reply = WireResponse(None)
        for i, prompt in enumerate(prompts):
            wire = self._wire(replace(request, json=plain), context, prompt, record=i == 0)
            reply = yield Send(wire, example={"choices": [{"message": {"role": "assistant", "content": ""}}]})
            body = cast("Dict", self.transform_response(reply.body, context))
            n = len(body["choices"])
            for position, choice in enumerate(body["choices"]):
                choice["index"] = i * n + position
            if done:
                body = {
                    **done,
                    "choices": [*done["choices"], *body["choices"]],
                    "usage": add_usage(done.get("usage"), body.get("usage")),
                }
            done = body
            context.partial = done
        if not stream:
            return WireResponse(done, reply.status, reply.headers)
        context.state(TextCompletionState).whole_stream = True
        options = as_dict(fields.get("stream_options")) or {}
        return WireResponse(
            _events(done, bool(options.get("include_usage"))), reply.status, {"content-type": "text/event-stream"}
        )


def _record_unsupported(fields: Dict, context: RequestContext) -> None:
    n, best_of, logprobs = fields.get("n"), fields.get("best_of"), fields.get("logprobs")
    if isinstance(best_of, int) and best_of > (n if isinstance(n, int) else 1):
        context.record_change(
            "drop", "best_of", best_of, n or 1, "StepFun reports no log probabilities to rank by", lossy=True
        )
    if logprobs is not None:
        context.record_change("drop", "logprobs", logprobs, None, "StepFun does not document it", lossy=True)


def text_completion(body: Dict, echo: str) -> Dict:
    """Translate a chat completion to a text completion."""
    choices: list[Dict] = []
    for entry in as_list(body.get("choices")):
        choice = as_dict(entry) or {}
        message = as_dict(choice.get("message")) or {}
        row: Dict = {
            "text": echo + str(message.get("content") or ""),
            "index": choice.get("index", len(choices)),
            "logprobs": None,
            "finish_reason": _finish_reason(choice.get("finish_reason")),
        }
        if message.get("reasoning_content"):
            row["reasoning_content"] = message["reasoning_content"]
        choices.append(row)
    return {**body, "object": "text_completion", "choices": choices}


def _finish_reason(reason: Json) -> str:
    """Return the finish reason of a text completion, which has no tool calls: `stop` except for a cap or a filter."""
    return str(reason) if reason in ("length", "content_filter") else "stop"


def _events(body: Dict, include_usage: bool) -> str:
    head = {key: body.get(key) for key in ("id", "object", "created", "model")}
    chunks = [{**head, "choices": [choice]} for choice in body["choices"]]
    if include_usage:
        chunks.append({**head, "choices": [], "usage": body.get("usage")})
    return "".join(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


class CompletionStream:
    """Translate a chat stream to a stream of text completions."""

    reads_chunks = True

    def __init__(self, context: RequestContext) -> None:
        self._chat = ChatStream(context)
        self._echo = context.state(TextCompletionState).echo
        self._echoed: set[int] = set()

    @property
    def truncated(self) -> bool:
        """Whether the stream ended without a finish reason."""
        return self._chat.truncated

    @property
    def usage(self) -> Json:
        """The last usage StepFun reported."""
        return self._chat.usage

    def feed(self, chunk: Json) -> Sequence[Json]:
        """Translate one chunk of chat; a chunk with only reasoning has no result."""
        return self._texts(self._chat.feed(chunk))

    def close(self) -> Sequence[Json]:
        """Translate the chunks still pending at the end of the stream."""
        return self._texts(self._chat.close())

    def _texts(self, chunks: Sequence[Json]) -> list[Json]:
        out: list[Json] = []
        for chunk in chunks:
            choices = [row for choice in chunk["choices"] if (row := self._choice(choice)) is not None]
            if choices or not chunk["choices"]:
                out.append({**chunk, "object": "text_completion", "choices": choices})
        return out

    def _choice(self, choice: Dict) -> Dict | None:
        """Translate one choice, None if it has neither text nor a finish reason."""
        text, index, reason = choice["delta"].get("content") or "", choice["index"], choice["finish_reason"]
        if not text and not reason:
            return None
        if index not in self._echoed:
            self._echoed.add(index)
            text = self._echo + text
        reason = None if reason is None else _finish_reason(reason)
        return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}
