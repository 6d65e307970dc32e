"""POST /responses: the stateless subset that one or two models support (stepfun-api 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import contested
from ..catalog import Model
from ..config import EmulatorConfig
from ..json_values import Object, as_list, as_object, as_text, dumps, is_array, is_integer, is_object
from ..model import generation, tokens
from ..model.generation import Generated
from ..model.rules import Call as FunctionCall
from ..model.rules import Conversation, Function, Reply, Turn
from . import errors
from .answers import Answer, Event, Events, json_body
from .calls import Call, Endpoint
from .chat_request import Part, check_number, find_model, prompt_tokens, read_function, read_image, read_video, shown

DOCUMENTED = frozenset(
    [
        "model",
        "input",
        "instructions",
        "stream",
        "temperature",
        "top_p",
        "max_output_tokens",
        "reasoning",
        "tools",
        "tool_choice",
        "text",
    ]
)
_REASONING_CHUNKS = 8
_ROLES = ("user", "assistant", "system")
_VALIDATION_ERRORS = 240


@dataclass(frozen=True)
class ResponsesRequest:
    model: Model
    talk: Conversation
    prompt: tuple[str, ...]
    effort: str | None
    max_tokens: int | None
    stream: bool
    body: Object


def create(call: Call) -> Answer:
    """Answer with a response or its events."""
    request = read(call.object(), call)
    generation.check_blocked(call, request.talk)
    script = generation.scripted(call)
    if script is not None and not isinstance(script, Reply):
        return script
    cached = generation.look_up_cache(call, request.model, request.prompt)
    made = generation.generate(
        call,
        request.model,
        request.talk,
        request.prompt,
        cached=cached,
        reply=script,
        max_tokens=request.max_tokens,
        effort=request.effort,
    )
    writer = _Writer(call, request, made)
    return writer.stream() if request.stream else json_body(writer.whole())


# -- the request -------------------------------------------------------------------------------------------------


def read(body: Object, call: Call) -> ResponsesRequest:
    config = call.config
    model = find_model(body.get("model"), call)
    if not model.responses:
        raise errors.invalid(f"model {model.id} is not enabled for the Responses API")
    contested.check_responses(body, model, config)
    if config.strict:
        errors.check_known(body, DOCUMENTED)
        if body.get("tool_choice") not in (None, "auto"):
            raise errors.invalid_param("tool_choice", "auto")
    check_number(body, "temperature", 0, 2, "[0.0,2.0]")
    check_number(body, "top_p", 0, 1, "[0.0,1.0]")
    limit = body.get("max_output_tokens")
    if limit is not None and (not is_integer(limit) or limit < 1):
        raise errors.invalid_param("max_output_tokens", "greater than 0")
    schema, json_mode = _read_text(body.get("text"), config)
    turns, costs = _read_input(body.get("input"), model, call)
    instructions = body.get("instructions")
    if instructions is not None:
        if not isinstance(instructions, str):
            raise errors.invalid_param("instructions", "string")
        turns.insert(0, Turn("system", instructions))
        costs.insert(0, [Part("<system>"), Part(instructions)])
    functions = _read_tools(body.get("tools"), config)
    return ResponsesRequest(
        model=model,
        talk=Conversation(tuple(turns), tuple(functions), schema, json_mode),
        prompt=tuple(prompt_tokens(costs, body.get("tools"))),
        effort=_read_effort(body.get("reasoning"), model, config),
        max_tokens=limit,
        stream=body.get("stream") is True,
        body=body,
    )


def _read_effort(value: object, model: Model, config: EmulatorConfig) -> str | None:
    if value is None:
        return None
    if not is_object(value):
        raise errors.invalid_param("reasoning", "object")
    effort = value.get("effort")
    if config.strict:
        errors.check_known(value, ("effort",), "reasoning.")
        if effort is not None and effort not in model.efforts:
            raise errors.invalid_param("reasoning.effort", ", ".join(model.efforts))
    return effort if isinstance(effort, str) else None


def _read_text(value: object, config: EmulatorConfig) -> tuple[Object | None, bool]:
    given = as_object(value)
    if config.strict:
        errors.check_known(given, ("format",), "text.")
    form = given.get("format")
    if form is None:
        return None, False
    form = as_object(form)
    kind = form.get("type")
    if kind == "json_schema":
        if not as_text(form.get("name")) or not is_object(form.get("schema")):
            raise errors.invalid_param("text.format", "type, name, schema")
        return as_object(form["schema"]), False
    if kind not in ("text", "json_object"):
        raise errors.invalid_param("text.format.type", "text, json_object, json_schema")
    return None, kind == "json_object"


def _read_tools(value: object, config: EmulatorConfig) -> list[Function]:
    """Read the tools. Only functions are supported (stepfun-api 5.1)."""
    if value is None:
        return []
    if not is_array(value):
        raise errors.invalid_param("tools", "array")
    functions: list[Function] = []
    for item in value:
        tool = as_object(item)
        if tool.get("type") != "function":
            raise errors.invalid_param("tools.type", "function")
        known = frozenset({"type", "name", "description", "parameters", "strict"})
        functions.append(read_function(tool, config, "tools", known))
    return functions


def _read_input(value: object, model: Model, call: Call) -> tuple[list[Turn], list[list[Part]]]:
    turns: list[Turn] = []
    costs: list[list[Part]] = []
    if isinstance(value, str) and value:
        return [Turn("user", value)], [[Part("<user>"), Part(value)]]
    if not is_array(value) or not value:
        raise errors.invalid_param("input", "not empty")
    for place, item in enumerate(value):
        made = _read_item(as_object(item), place, model, call)
        if made is not None:
            turn, parts = made
            turns.append(turn)
            costs.append([Part(f"<{turn.role}>"), *parts])
    return turns, costs


def _read_item(item: Object, place: int, model: Model, call: Call) -> tuple[Turn, list[Part]] | None:
    kind = item.get("type", "message" if "role" in item else None)
    if kind == "message":
        return _read_message(item, place, model, call)
    if kind == "function_call":
        return _read_call(item, place)
    if kind == "function_call_output":
        return _read_output(item, place, call.config)
    if kind == "reasoning" and not call.config.strict:
        return None  # not documented as input; ignored
    raise errors.invalid_param(f"input[{place}].type", "message, function_call, function_call_output")


def _read_call(item: Object, place: int) -> tuple[Turn, list[Part]]:
    name, arguments = as_text(item.get("name")), as_text(item.get("arguments"))
    if not name or not as_text(item.get("call_id")):
        raise errors.invalid_param(f"input[{place}]", "function_call with call_id, name, arguments")
    made = FunctionCall(name, arguments, as_text(item["call_id"]))
    return Turn("assistant", "", (made,)), [Part(dumps([name, arguments]))]


def _read_output(item: Object, place: int, config: EmulatorConfig) -> tuple[Turn, list[Part]]:
    output = item.get("output")
    if config.strict and not isinstance(output, str):
        raise errors.invalid_param(f"input[{place}].output", "string")
    parts = as_list(output)
    text = output if isinstance(output, str) else "".join(as_text(as_object(part).get("text")) for part in parts)
    return Turn("tool", text, call_id=as_text(item.get("call_id"))), [Part(text)]


def _read_message(item: Object, place: int, model: Model, call: Call) -> tuple[Turn, list[Part]] | None:
    role = item.get("role")
    if role == "developer" and not call.config.strict:
        return None  # dropped without an error
    if role not in _ROLES:
        raise errors.invalid_param(f"input[{place}].role", ", ".join(_ROLES))
    content = item.get("content")
    if isinstance(content, str):
        return Turn(str(role), content), [Part(content)]
    if not is_array(content):
        raise errors.invalid_param(f"input[{place}].content", "string or array")
    untyped = "type" not in item and any(as_object(part).get("type") == "output_text" for part in content)
    if role == "assistant" and untyped:
        raise errors.invalid(_validation_errors(place))
    parts = [_read_part(as_object(part), place, model, call) for part in content]
    return Turn(str(role), shown(parts)), parts


def _validation_errors(place: int) -> str:
    """Return the error for assistant parts in an item without `type`: one line per union variant (stepfun-api 5.1)."""
    lines = [
        f"input.list[{number // 12}].{place}.content.{number % 12}: Field required"
        for number in range(_VALIDATION_ERRORS)
    ]
    return f"{_VALIDATION_ERRORS} validation errors: " + "; ".join(lines)


def _read_part(part: Object, place: int, model: Model, call: Call) -> Part:
    kind = part.get("type")
    if kind in ("input_text", "output_text"):
        return Part(as_text(part.get("text")))
    if kind == "input_image":
        if call.config.strict and "detail" in part:
            raise errors.unknown_param(f"input[{place}].content.detail")
        image = part.get("image_url")
        given: Object = image if is_object(image) else {"url": image, "detail": part.get("detail")}
        return read_image({key: item for key, item in given.items() if item is not None}, model, call)
    if kind == "input_video":
        video = part.get("video_url")
        return read_video(video if is_object(video) else {"url": video}, model, call)
    raise errors.invalid_param(f"input[{place}].content.type", "input_text, input_image, input_video")


# -- the answer --------------------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, call: Call, request: ResponsesRequest, made: Generated) -> None:
        self.call = call
        self.request = request
        self.made = made
        self.created = call.engine.now()
        self.id = f"resp_{call.engine.new_id()}"
        self.number = 0
        self.ids: dict[str, str] = {}

    def _id(self, prefix: str, place: int) -> str:
        """Return the id of an item, the same in all its events."""
        return self.ids.setdefault(f"{prefix}{place}", f"{prefix}_{self.call.engine.new_id()}")

    # -- items ---------------------------------------------------------------------------------------------------

    def items(self) -> list[Object]:
        made: list[Object] = []
        if self.made.reasoning:
            made.append(self._reasoning_item(len(made), None))
        if self.made.content or not (self.made.calls or self.status() == "incomplete"):
            made.append(self._message_item(len(made), self._ended()))
        for call in self.made.calls:
            made.append(self._call_item(len(made), call, self._ended()))
        return made

    def _ended(self) -> str:
        return "incomplete" if self.status() == "incomplete" else "completed"

    def _reasoning_item(self, place: int, status: str | None) -> Object:
        """Return a reasoning item. It is empty: the text is only in the stream (stepfun-api 5.2)."""
        return {
            "type": "reasoning",
            "id": self._id("rs", place),
            "summary": [],
            "content": None,
            "encrypted_content": None,
            "status": status,
        }

    def _message_item(self, place: int, status: str, content: Sequence[Object] | None = None) -> Object:
        if content is None:
            content = [self._text_part(self.made.content)]
        return {
            "type": "message",
            "id": self._id("msg", place),
            "status": status,
            "role": "assistant",
            "content": list(content),
            "summary": None,
        }

    @staticmethod
    def _text_part(text: str) -> Object:
        return {"type": "output_text", "text": text, "annotations": []}

    def _call_item(self, place: int, call: FunctionCall, status: str, arguments: str | None = None) -> Object:
        return {
            "type": "function_call",
            "id": self._id("fc", place),
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments if arguments is None else arguments,
            "status": status,
            "namespace": None,
        }

    # -- the object ----------------------------------------------------------------------------------------------

    def status(self) -> str:
        if self.made.finish_reason == "failed":
            return "failed"
        if self.made.length or self.made.finish_reason == "length":
            return "incomplete"
        return "completed"

    def usage(self, *, details: bool) -> Object:
        if self.made.given_usage is not None:
            return self.made.given_usage
        spent = self.made.usage
        usage: Object = {"input_tokens": spent.prompt}
        if details:
            usage["input_tokens_details"] = {"cached_tokens": spent.cached}
        usage["output_tokens"] = spent.completion
        if details:
            usage["output_tokens_details"] = {"reasoning_tokens": spent.reasoning, "tool_output_tokens": 0}
        usage["total_tokens"] = spent.prompt + spent.completion
        return usage

    def whole(self, *, details: bool = True) -> Object:
        body = self.request.body
        status = self.status()
        text = as_object(body.get("text"))
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "completed_at": self.call.engine.now(),
            "model": self.request.model.id,
            "status": status,
            "error": {"code": "server_error", "message": self.made.content} if status == "failed" else None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "output": [] if status == "failed" else self.items(),
            "usage": self.usage(details=details),
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "reasoning": {"effort": self.request.effort or "medium", "summary": None},
            "temperature": 1.0 if body.get("temperature") is None else body["temperature"],
            "top_p": 1.0 if body.get("top_p") is None else body["top_p"],
            "text": {"format": text.get("format") or {"type": "text"}},
            "tool_choice": "auto",
            "tools": as_list(body.get("tools")),
        }

    # -- events --------------------------------------------------------------------------------------------------

    def _event(self, kind: str, **fields: object) -> Event:
        data = {"type": kind, "sequence_number": self.number, **fields}
        self.number += 1
        return Event(data, kind)

    def stream(self) -> Events:
        return Events(list(self._events()))

    def _events(self) -> Iterator[Event]:
        begun: Object = {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "model": self.request.model.id,
            "status": "in_progress",
            "output": [],
        }
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)
        if self.status() != "failed":
            place = 0
            for item in self.items():
                if item["type"] == "reasoning":
                    yield from self._reasoning_events(place)
                elif item["type"] == "message":
                    yield from self._message_events(place, item)
                place += 1
            first = place - len(self.made.calls)
            for offset, call in enumerate(self.made.calls):
                yield from self._call_events(first + offset, call)
        # The last event may have a usage without details (stepfun-api 5.3).
        details = self.call.config.usage_style == "nested"
        yield self._event(f"response.{self.status()}", response=self.whole(details=details))

    def _reasoning_events(self, place: int) -> Iterator[Event]:
        at = {"output_index": place, "item_id": self._id("rs", place), "content_index": 0}
        text = self.made.reasoning
        yield self._event(
            "response.output_item.added", output_index=place, item=self._reasoning_item(place, "in_progress")
        )
        yield self._event("response.reasoning_part.added", **at, part={"type": "reasoning_text", "text": ""})
        size = max(1, -(-tokens.count(text) // _REASONING_CHUNKS))
        for piece in tokens.pieces(text, size):
            yield self._event("response.reasoning_text.delta", **at, delta=piece)
        yield self._event("response.reasoning_text.done", **at, text=text)
        yield self._event("response.reasoning_part.done", **at, part={"type": "reasoning_text", "text": text})
        yield self._event("response.output_item.done", output_index=place, item=self._reasoning_item(place, None))

    def _message_events(self, place: int, item: Object) -> Iterator[Event]:
        at = {"item_id": item["id"], "output_index": place, "content_index": 0}
        text = self.made.content
        yield self._event(
            "response.output_item.added", output_index=place, item=self._message_item(place, "in_progress", [])
        )
        yield self._event("response.content_part.added", **at, part=self._text_part(""))
        for piece in tokens.pieces(text, self.call.config.chunk_tokens):
            yield self._event("response.output_text.delta", **at, delta=piece)
        yield self._event("response.output_text.done", **at, text=text)
        yield self._event("response.content_part.done", **at, part=self._text_part(text))
        yield self._event("response.output_item.done", output_index=place, item=item)

    def _call_events(self, place: int, call: FunctionCall) -> Iterator[Event]:
        at = {"item_id": self._id("fc", place), "output_index": place}
        yield self._event(
            "response.output_item.added", output_index=place, item=self._call_item(place, call, "in_progress", "")
        )
        for piece in tokens.pieces(call.arguments, 6):
            yield self._event("response.function_call_arguments.delta", **at, delta=piece)
        yield self._event("response.function_call_arguments.done", **at, name=call.name, arguments=call.arguments)
        yield self._event(
            "response.output_item.done", output_index=place, item=self._call_item(place, call, self._ended())
        )


# The plan channel is not documented for Responses, but works (stepfun-api 1).
ENDPOINTS = (Endpoint("POST", "/responses", create, plan=True, metered=True),)
