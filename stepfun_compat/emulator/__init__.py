"""A local server that emulates StepFun: its documented requests, responses, streams and errors.

    from stepfun_compat.emulator import EmulatorServer

    with EmulatorServer() as server:
        client = stepfun_compat.OpenAI(api_key=server.api_key, base_url=server.base_url)

It needs the extra `emulator` (starlette, uvicorn). `create_app()` returns the ASGI app for any other server; `serve()`
runs the foreground server behind `stepfun-compat emulate`. Test suites use the fixtures `stepfun_emulator`,
`stepfun_client` and `async_stepfun_client` from `pytest_plugin`.

The emulator follows StepFun's documentation and measurements. It shares no code with the translation in the rest of
this package, and has its own list of models: if both read one table, both could be wrong together.

Answers
-------
The same request always gets the same answer, under a new id. Chat, Responses and Messages use the same rules; the first
that applies decides:

1. A scripted reply, if one is queued.
2. Function calls, if there are functions and the question (the last user message) requests them:
   - an instruction after the question and the results names a function: "You must call the function get_weather";
   - the question names a function (`get_weather`, also "get weather"), or a system message says it must always be
     called. All named functions are called at once, or one after another if the question says "then";
   - the question shares words with a function: a word of the name scores 3, of a parameter or an enum value 2, of the
     description 1.5, and a score of 3 is enough. The best function is called; another one is added if the question
     contains a further word of its name;
   - an instruction or the question requires some tool ("You must call one of the available tools", "use a tool"): the
     first function is called.
   "Do not call any tools" is obeyed. If the only function takes one string and the question names several things
   ("Paris and Tokyo"), there is a call for each. A call already made since the question, with the same arguments, is
   not repeated, so agent loops end. A function that delivers the final result (`final_result`, `final_answer`,
   `submit_…`, or one described as such) is always called, after all others. An instruction without a name after the
   results selects a function that has not been called, if there is one. A later user message that is only an
   instruction ("Call one of the tools now") belongs to the question before it. Calls and results that a framework wrote
   as text ("Calling tools: […]", "Observation: …") count as calls and results.
3. A JSON Schema in `response_format` (or `text.format`): a value for that schema. In JSON mode, or if a system message
   or the question contains a JSON Schema: a value for that one, fenced with ```json when JSON mode is off. JSON mode
   without a schema: an object like the example in the prompt, or with the keys it lists, else `{"answer": …}`.
4. After tool results: "Here is what I found: " and the results.
5. The last user message, verbatim, with ` [image]`, ` [video]` and ` [audio]` for its media.

Schemas are filled with values from the prompt: a key of the same name in a JSON tool result; "name is …", "name=…";
e-mail addresses, URLs, dates, numbers in order; enum values that occur; quoted text; capitalized names. If there are
none: the first enum value, the default, an example of the format or pattern, the smallest number or length allowed. All
properties are filled; recursion ends in null, an empty list, or an omitted optional property.

The web_search tool searches when the question contains "?", search, find, latest, news, today, current, now or recent;
retrieval answers with the text of the store's files. A transcript is the next scripted reply, else a sentence about the
audio.

Tokens and cache
----------------
`model.tokens` defines how tokens are counted. Reasoning comes first and uses `EmulatorConfig.reasoning_tokens` for the
effort (unset costs as much as high), from the same `max_tokens` as the answer. The prompt cache matches prefixes in
blocks of `cache_unit` tokens, tools before messages, separately for each model and key; the first call is a miss.

Configuration
-------------
`EmulatorConfig` selects a behaviour where StepFun's own sources disagree (stream shape, reasoning and usage fields,
finish reason and fragments of tool calls, status of unknown models) and describes the account (keys, region, tier,
subscription, balance). `strict=True` refuses with 400 everything that is not documented. `server.configure(…)` changes
it until `server.reset()`. The time comes from `clock`; only a fault with a delay sleeps.

Scripts and faults
------------------
`server.script(…)` queues replies for the next answers: a text; `{"content", "reasoning", "tool_calls": [{"name",
"arguments"}], "finish_reason", "usage", "parsed"}` (any of them); `{"status", "body"}` and `{"chunks": […]}`, sent
verbatim; a `Reply`; or a function of the request body that returns one of these.

`server.fault(…)` queues faults, for `times` requests (1; None for all) and a `path`: `fault(429, retry_after=1)`,
`fault(500, times=2)`, `fault("html")`, `"empty"`, `"disconnect"`, `"half_close"`, `"malformed"`, `"cut"`, `"error"`,
`"no_finish"`, `"no_done"`, `"wrong_content_type"`, `"hold"`, or the fields of `Fault`: `fault(cut_after=3)`,
`fault(delay=1)`. A held or delayed request continues after `server.release()`; `server.wait_until_held()` waits until
it has arrived, `server.wait_until_idle()` until everything is answered. `server.requests` and `server.last` return the
recorded requests with headers, query, JSON, form, files and response status: the newest 10,000, up to 256 MB of bodies.

From another process, use the request header `X-Emulator-Fault: status=429;times=2` (counted by the SDK's retry count if
it is sent, else by the header's text), or these paths below `/__emulator__/`, which need no key: GET or DELETE
`requests`, POST `script` `{"replies": […]}`, POST `fault` `{"kind" or fields}`, POST `reset`, POST `release`, GET or
PATCH `config`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app
    from .config import EmulatorConfig
    from .faults import Fault
    from .model.rules import Call, Reply
    from .server import EmulatorServer, serve
    from .state import RecordedRequest

__all__ = ["Call", "EmulatorConfig", "EmulatorServer", "Fault", "RecordedRequest", "Reply", "create_app", "serve"]

_HOMES = {
    "Call": "model.rules",
    "EmulatorConfig": "config",
    "EmulatorServer": "server",
    "Fault": "faults",
    "RecordedRequest": "state",
    "Reply": "model.rules",
    "create_app": "app",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use, so that importing this package is cheap and needs no extra."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
