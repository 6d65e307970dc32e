"""An emulator of StepFun: a local server with StepFun's documented requests, responses, streams and errors.

    from stepfun_compat.emulator import EmulatorServer

    with EmulatorServer() as server:
        client = stepfun_compat.OpenAI(api_key=server.api_key, base_url=server.base_url)

It needs the extra `emulator` (starlette, uvicorn); `create_app()` is the ASGI app for any other server, `serve()` the
foreground server behind `stepfun-compat emulate`. Suites get the fixtures `stepfun_emulator`, `stepfun_client` and
`async_stepfun_client` from `pytest_plugin`.

It is written from StepFun's documentation and from what was measured, and shares no code with the translation in the
rest of this package: were both to read one table, both could be wrong together. So it has its own list of models.

What it answers
---------------
Answers are a function of the request: the same request gets the same answer, under a new id. Chat, Responses and
Messages decide by the same rules, the first that fits:

1. A scripted reply, if one is queued.
2. Function calls, when functions are given and the question (the last user message) asks for them:
   - an order put in after the question and the results names one: "You must call the function get_weather";
   - the question names a function (`get_weather`, also "get weather"), or a system message says it must always be
     called; all functions named are called at once, or one after another if the question says "then";
   - else its words overlap with a function: a word of the name counts 3, of a parameter or an enum value 2, of the
     description 1.5, and 3 are enough. The best function wins; a further one joins by another word of its name;
   - else an order or the question wants some tool ("You must call one of the available tools", "use a tool"): the first.
   "Do not call any tools" is obeyed. If the one function takes one string and the question names several things ("Paris
   and Tokyo"), there is a call for each. A call already made since the question, with the same arguments, is not
   repeated, so agent loops end. A function that delivers the final result (`final_result`, `final_answer`, `submit_…`,
   or so described) waits until nothing else is to be called, and is then always called. An order without a name after
   the results goes to a function not called yet, if there is one. A later user message that is nothing but an order
   ("Call one of the tools now") is not a question of its own. Calls and results that a framework wrote out as text
   ("Calling tools: […]", "Observation: …") count as calls and results.
3. With a JSON Schema in `response_format` (or `text.format`): that schema, filled. In JSON mode, or if a system message
   or the question contains a JSON Schema: that one, filled; fenced with ```json when JSON mode is off. JSON mode without
   a schema: an object like the example in the prompt, or with the keys it lists, else `{"answer": …}`.
4. After tool results: "Here is what I found: " and the results.
5. The last user message, word for word. Pictures, videos and sounds in it read ` [image]`, ` [video]`, ` [audio]`.

Schemas are filled with what the prompt offers: a key of the same name in a JSON tool result; "name is …", "name=…";
e-mail addresses, URLs, dates, numbers in order; enum values that occur; quoted text; capitalised names. Otherwise with
the first enum value, the default, an example of the format or pattern, the smallest number or length allowed. All
properties are filled; recursion ends in null, an empty list, or leaving the optional property out.

The web_search tool searches when the question contains "?", search, find, latest, news, today, current, now or recent;
retrieval answers with the text of the store's files. Recognised speech is the next scripted reply, else a sentence
about the sound.

What it costs
-------------
Tokens are counted by the rule in `tokens`. Reasoning comes first and takes `EmulatorConfig.reasoning_tokens` for the
effort (unset is as expensive as high), out of the same `max_tokens` as the answer. The prompt cache knows a prompt by
its prefix, in blocks of `cache_unit` tokens, tools before messages, separately for each model and key; the first call
is cold.

What it is like
---------------
`EmulatorConfig` chooses where StepFun's own sources disagree (stream shape, reasoning and usage fields, finish reason
and fragments of tool calls, status of unknown models) and plays the account (keys, region, tier, subscription,
balance). `strict=True` refuses with 400 everything that is not documented. `server.configure(…)` changes it until
`server.reset()`. Time is `clock`; nothing sleeps but a fault that says so.

Scripts and faults
------------------
`server.script(…)` queues replies for the next answers: a text; `{"content", "reasoning", "tool_calls": [{"name",
"arguments"}], "finish_reason", "usage", "parsed"}` (any of them); `{"status", "body"}` and `{"chunks": […]}` verbatim;
a `Reply`; or a function of the request body that returns one of these.

`server.fault(…)` queues faults, for `times` requests (1; None for all) and a `path`: `fault(429, retry_after=1)`,
`fault(500, times=2)`, `fault("html")`, `"empty"`, `"disconnect"`, `"half_close"`, `"malformed"`, `"cut"`, `"error"`,
`"no_finish"`, `"no_done"`, `"wrong_content_type"`, `"hold"`, or the fields of `Fault`: `fault(cut_after=3)`,
`fault(delay=1)`. A held or delayed request goes on after `server.release()`; `server.wait_until_held()` says when it
has arrived, `server.wait_until_idle()` when everything is answered. `server.requests` and `server.last` are what came
in, with headers, query, JSON, form, files and the status answered: the newest 10,000, and 256 MB of bodies.

From another process: the request header `X-Emulator-Fault: status=429;times=2` (counted by the SDK's retry count if
that is sent, else by the header's text), and, without a key, below `/__emulator__/`: GET or DELETE `requests`, POST
`script` `{"replies": […]}`, POST `fault` `{"kind" or fields}`, POST `reset`, POST `release`, GET or PATCH `config`.
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
