"""POST /chat/completions, with responses in every documented or observed shape (stepfun-api 4)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from .. import media
from ..config import EmulatorConfig
from ..json_values import Object, dumps
from ..model import generation, tokens
from ..model.generation import Generated, Usage
from ..model.retrieval import retrieve
from ..model.rules import Call as FunctionCall
from ..model.rules import Reply
from .answers import DONE, Answer, Event, Events, json_body
from .calls import Call, Endpoint
from .chat_request import ChatRequest, read

_SEARCH_WORDS = (
    "search",
    "find",
    "latest",
    "news",
    "today",
    "current",
    "now",
    "recent",
    "?",
    "？",
    "搜索",
    "最新",
    "今天",
    "新闻",
)
_REASONING_CHUNKS = 8


def complete(call: Call) -> Answer:
    """Answer with a chat completion or its stream."""
    body = call.object()
    request = read(body, call)
    generation.check_blocked(call, request.talk)
    script = generation.scripted(call)
    if script is not None and not isinstance(script, Reply):
        return script
    reply = script
    hits: list[Object] = []
    if reply is None:
        reply, hits = _answer(call, request)
    cached = generation.look_up_cache(call, request.model, request.prompt)
    made = [
        generation.generate(
            call,
            request.model,
            request.talk,
            request.prompt,
            cached=cached,
            reply=reply,
            max_tokens=request.max_tokens,
            effort=request.effort,
            stop=request.stop,
        )
        for _ in range(request.n)
    ]
    identity = f"{call.engine.new_id()}.{hashlib.sha256(call.request.body).hexdigest()[:32]}"
    writer = _Writer(call.config, request, identity, call.engine.now(), hits)
    return writer.stream(made) if request.stream else json_body(writer.whole(made))


def _answer(call: Call, request: ChatRequest) -> tuple[Reply, list[Object]]:
    """Return the model's reply and its web searches, with the two built-in tools applied (stepfun-api 3.4)."""
    reply = generation.answer(request.talk)
    if reply.calls:
        return reply, []
    question = next((turn.text for turn in reversed(request.talk.turns) if turn.role == "user"), "")
    for options in request.retrievals:
        reply = Reply(content=retrieve(call.engine, options, question))
    if request.searches is not None and any(word in question.lower() for word in _SEARCH_WORDS):
        results = search_results(question, 2)
        text = "; ".join(f"{item['title']}: {item['summary']}" for item in results)
        if request.talk.schema is None and not request.talk.json_mode:
            reply = Reply(content=f"{question} According to the web: {text}")
        return reply, [{"keyword": question[:60], "results": results}]
    return reply, []


def search_results(query: str, count: int) -> list[Object]:
    """Return invented search results, always the same for one query."""
    topic = " ".join(query.split())[:40]
    made: list[Object] = []
    for index in range(count):
        digest = hashlib.sha256(f"{query}{index}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
        made.append(
            {
                "index": index,
                "url": f"https://news.example.com/{digest}",
                "title": f"Result {index + 1} on {topic}",
                "summary": f"Report {digest} about {topic}.",
            }
        )
    return made


@dataclass(frozen=True)
class _Delta:
    """The delta of one chunk and its cost in tokens."""

    delta: Object
    cost: int = 0
    finish: str | None = None
    early: bool = False
    """Sent with `created` 0 and a usage of 0, like the first chunk."""


class _Writer:
    def __init__(
        self, config: EmulatorConfig, request: ChatRequest, identity: str, created: int, hits: Sequence[Object]
    ) -> None:
        self.config = config
        self.request = request
        self.identity = identity
        self.created = created
        self.hits = hits
        # Web search results are documented only in shape C (stepfun-api 3.4).
        self.shape = "c" if hits else config.stream_shape

    # -- shared --------------------------------------------------------------------------------------------------

    def _reasoning(self, text: str) -> Object:
        """Return `reasoning`, `reasoning_content`, or both with the same text (stepfun-api 4.1)."""
        if not text:
            return {}
        if self.config.reasoning_fields == "both":
            return {"reasoning": text, "reasoning_content": text}
        if self.request.reasoning_format == "deepseek-style":
            return {"reasoning_content": text}
        return {"reasoning": text}

    def usage(self, usage: Usage, completion: int, *, flat: bool) -> Object:
        counted: Object = {
            "prompt_tokens": usage.prompt,
            "completion_tokens": completion,
            "total_tokens": usage.prompt + completion,
        }
        if flat:
            return {"cached_tokens": usage.cached, **counted} if usage.cached else counted
        return {
            **counted,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
            "completion_tokens_details": {"reasoning_tokens": min(usage.reasoning, completion)},
        }

    def finish(self, made: Generated) -> str:
        if made.finish_reason is not None:
            return made.finish_reason
        if made.length:
            return "length"
        return self.config.finish_reason if made.calls else "stop"

    def search_call(self) -> list[Object]:
        """Return the completed searches as tool calls (stepfun-api 3.4)."""
        return [
            {
                "id": f"call__{hashlib.sha256(dumps(hit).encode('utf-8', 'surrogatepass')).hexdigest()[:4]}",
                "type": "web_search",
                "function": {
                    "name": "step_websearch",
                    "arguments": dumps({"keyword": hit["keyword"]}),
                    "results": hit["results"],
                },
            }
            for hit in self.hits
        ]

    def total(self, made: Sequence[Generated]) -> Usage:
        head = made[0].usage
        return replace(
            head,
            reasoning=sum(item.usage.reasoning for item in made),
            completion=sum(item.usage.completion for item in made),
        )

    # -- not streamed --------------------------------------------------------------------------------------------

    def whole(self, made: Sequence[Generated]) -> Object:
        usage = self.total(made)
        return {
            "id": self.identity,
            "object": "chat.completion",
            "created": self.created,
            "model": self.request.model.id,
            "choices": [self._choice(index, item) for index, item in enumerate(made)],
            "usage": made[0].given_usage or self.usage(usage, usage.completion, flat=self.config.usage_style == "flat"),
        }

    def _choice(self, index: int, made: Generated) -> Object:
        if self.request.speaks:
            return self._audio_choice(index, made)
        message: Object = {"role": "assistant", "content": made.content, **self._reasoning(made.reasoning)}
        if self.hits:
            message["tool_calls"] = self.search_call()
        elif made.calls:
            message["tool_calls"] = [_tool_call(item) for item in made.calls]
        return {"index": index, "message": message, "finish_reason": self.finish(made)}

    def _audio_choice(self, index: int, made: Generated) -> Object:
        """Return a choice with audio: no content key, no finish reason, an index in each call (stepfun-api 4.2)."""
        message: Object = {"role": "assistant"}
        if made.calls:
            message["tool_calls"] = [{"index": place, **_tool_call(item)} for place, item in enumerate(made.calls)]
        else:
            sound = media.wav(media.speech(made.content))
            message["audio"] = {"data": base64.b64encode(sound).decode(), "transcript": made.content}
        return {"index": index, "message": message, "finish_reason": made.finish_reason}

    # -- streamed ------------------------------------------------------------------------------------------------

    def stream(self, made: Sequence[Generated]) -> Events:
        total = self.total(made)
        flat = self.config.usage_style == "flat" or self.shape == "c"
        spent = 0
        events: list[Event] = []
        for round_ in zip_longest(*(list(self._deltas(item)) for item in made)):
            for index, step in enumerate(round_):
                if step is None:
                    continue
                spent += step.cost
                if step.early:
                    usage: Object = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
                else:
                    usage = made[0].given_usage or self.usage(total, spent, flat=flat)
                events.append(Event(self._chunk(index, step, usage)))
        return Events([*events, DONE])

    def _chunk(self, index: int, step: _Delta, usage: Object) -> Object:
        choice: Object = {"index": index, "delta": step.delta}
        if step.finish is not None:
            choice["finish_reason"] = step.finish
        elif self.shape == "a":
            choice["finish_reason"] = ""
        chunk: Object = {
            "id": self.identity,
            "object": "chat.completion.chunk",
            "created": 0 if step.early else self.created,
            "model": self.request.model.id,
            "choices": [choice],
            "usage": usage,
        }
        if self.shape == "b":
            chunk["agent"] = ""
        return chunk

    def _deltas(self, made: Generated) -> Iterator[_Delta]:
        """Yield the deltas of one choice. The finish reason is in a separate delta, or in shape B in the last one."""
        steps = list(self._steps(made))
        finish = self.finish(made)
        if self.shape == "a":
            yield _Delta({"role": "assistant", "content": ""}, early=True)
            for step in steps:
                yield replace(step, delta={"role": "", "content": "", **step.delta})
            yield _Delta({"role": "", "content": ""}, finish=finish)
        elif self.shape == "b":
            steps = steps or [_Delta({})]
            for step in steps[:-1]:
                yield replace(step, delta={"role": "assistant", "content": "", **step.delta})
            last = steps[-1]
            yield replace(last, delta={"role": "assistant", "content": "", **last.delta}, finish=finish)
        else:
            if self.hits:
                yield _Delta({"tool_calls": self.search_call()})
            yield _Delta({"role": "assistant"}, early=True)
            yield from steps
            yield _Delta({}, finish=finish)

    def _steps(self, made: Generated) -> Iterator[_Delta]:
        reasoning = tokens.count(made.reasoning)
        size = max(1, -(-reasoning // _REASONING_CHUNKS))
        for piece in tokens.pieces(made.reasoning, size):
            yield _Delta(self._reasoning(piece), tokens.count(piece))
        if self.request.speaks and not made.calls:
            yield from self._spoken_steps(made)
            return
        for piece in tokens.pieces(made.content, self.config.chunk_tokens):
            yield _Delta({"content": piece}, tokens.count(piece))
        for place, item in enumerate(made.calls):
            yield from self._call_steps(place, item)

    def _spoken_steps(self, made: Generated) -> Iterator[_Delta]:
        for piece in tokens.pieces(made.content, self.config.chunk_tokens):
            data = base64.b64encode(media.speech(piece)).decode()
            yield _Delta({"audio": {"data": data, "transcript": piece}}, tokens.count(piece))

    def _call_steps(self, place: int, item: FunctionCall) -> Iterator[_Delta]:
        """Yield one function call in fragments, in the style of `tool_delta` (stepfun-api 4.5)."""
        style = self.config.tool_delta
        fragments = ["", *tokens.pieces(item.arguments, 6)]
        for number, fragment in enumerate(fragments):
            function: Object = {"arguments": fragment}
            entry: Object = {"index": place}
            if number == 0 or style == "repeat":
                entry |= {"id": item.id, "type": "function"}
                function = {"name": item.name, **function}
            elif style == "blank":
                entry |= {"id": "", "type": ""}
                function = {"name": "", **function}
            entry["function"] = function
            if style == "missing_index":
                del entry["index"]
            cost = tokens.count(fragment) + (tokens.count(item.name) if number == 0 else 0)
            yield _Delta({"tool_calls": [entry]}, cost)


def _tool_call(item: FunctionCall) -> Object:
    return {"id": item.id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}


ENDPOINTS = (Endpoint("POST", "/chat/completions", complete, plan=True, metered=True),)
