"""Open questions about StepFun's API, each with a small request that answers it for a key (stepfun-api 11).

Nothing here changes a setting: the answers show which settings fit the account. The requests are sent by openai's own
client, untranslated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import openai

from ... import stock
from ...credentials.keys import missing_key, stepfun_key
from ...credentials.target import resolve_target
from ...settings import Settings
from . import chat, others
from .wire import rejection


@dataclass(frozen=True)
class Check:
    """An open question, and the requests that answer it.

    `fact` is its section in the API notes, `decided` what the answer is based on, and `setting` what to change if the
    answer is not the one that the default expects (`-`: nothing, both answers are handled). An `expensive` check runs
    only if it is named.
    """

    name: str
    question: str
    fact: str
    decided: str
    setting: str
    ask: Callable[[Any, str], str]
    expensive: bool = False

    @property
    def requests(self) -> int:
        """The number of requests that the check sends if all of them succeed."""
        return _SEVERAL.get(self.name, 1)


_SEVERAL: Final = {
    "tool_choice": 2,
    "default_effort": 4,
    "message_shapes": 6,
    "schema_subset": 3,
    "overflow": 2,
    "cache": 3,
    "cache_header": 3,
    "responses_tool_choice": 3,
    "responses_reasoning": 2,
    "reasoning_replay": 3,
    "several_choices": 3,
    "many_images": 3,
    "speech": 5,
    "files": 4,
    "vector_stores": 2,
}
"""The checks that send more than one request."""


@dataclass(frozen=True)
class Result:
    """The result of a check. `failed` is True if it could not be run (no key, no connection)."""

    name: str
    question: str
    fact: str
    setting: str
    answer: str
    failed: bool = False


def client() -> Any:
    """Return a stock client for the configured host, with the StepFun key and nothing from `OPENAI_*`.

    Raises:
        KeyRefusedError: there is no StepFun key.
    """
    settings = Settings()
    target = resolve_target(None, settings, explicit_settings=True, api_key=None)
    key = stepfun_key(settings, target.named)
    if key is None:
        raise missing_key()
    made: Any = stock.OpenAI(api_key=key, base_url=target.base_url, max_retries=1, timeout=120, default_headers={})
    made.organization = made.project = None
    made._custom_headers = {}  # OPENAI_CUSTOM_HEADERS are meant for OpenAI
    if hasattr(made, "admin_api_key"):
        made.admin_api_key = None
    return made


def run(check: Check, client: Any, model: str) -> Result:
    """Run one check. An error response of the server is an answer, a missing connection is a failure."""
    failed = False
    try:
        answer = check.ask(client, model)
    except openai.APIStatusError as error:
        answer = f"rejected with {rejection(error)}"
    except openai.OpenAIError as error:
        answer, failed = f"failed: {error}", True
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        answer = f"the response has an undocumented shape ({error!r})"
    return Result(check.name, check.question, check.fact, check.setting, answer, failed)


def _check(
    name: str,
    question: str,
    fact: str,
    decided: str,
    ask: Callable[[Any, str], str],
    setting: str = "-",
    *,
    expensive: bool = False,
) -> Check:
    return Check(name, question, fact, decided, setting, ask, expensive)


CHECKS: Final = (
    _check(
        "tool_choice",
        "Is tool_choice honoured?",
        "11.5",
        "one call with none where a tool fits, one with required where none does",
        chat.tool_choice,
        "STEPFUN_MAX_CORRECTIONS",
    ),
    _check(
        "stream_usage",
        "What does stream_options.include_usage do?",
        "11.2",
        "chunks with usage, and chunks without choices",
        chat.stream_usage,
    ),
    _check(
        "stream_shape",
        "Which stream shape does the model send?",
        "11.8",
        "role and finish_reason of the chunks in the middle",
        chat.stream_shape,
    ),
    _check(
        "stream_tools",
        "What do streamed tool calls look like?",
        "11.6",
        "fragments with an index, fragments with an id",
        chat.stream_tools,
    ),
    _check("finish_reason", "Which finish reason accompanies tool calls?", "11.7", "finish_reason", chat.finish_reason),
    _check(
        "stop_in_reasoning",
        "Does a stop sequence end the reasoning?",
        "13",
        "whether text follows a reasoning that contains the sequence",
        chat.stop_in_reasoning,
        "STEPFUN_MAX_CORRECTIONS",
    ),
    _check("developer", "Is the developer role accepted?", "11.10", "whether the model obeyed it", chat.developer),
    _check(
        "effort_none",
        "Is reasoning_effort none accepted?",
        "11.3",
        "the status, and how much reasoning came",
        chat.effort("none"),
        "STEPFUN_REASONING_EFFORT",
    ),
    _check(
        "effort_minimal",
        "Is reasoning_effort minimal accepted?",
        "11.3",
        "the status, and how much reasoning came",
        chat.effort("minimal"),
        "STEPFUN_REASONING_EFFORT",
    ),
    _check(
        "effort_xhigh",
        "Is reasoning_effort xhigh accepted?",
        "11.3",
        "the status, and how much reasoning came",
        chat.effort("xhigh"),
        "STEPFUN_REASONING_EFFORT",
    ),
    _check(
        "default_effort",
        "Which effort does an unset effort behave like?",
        "11.4",
        "reasoning and tokens unset, and with each effort",
        chat.default_effort,
        "STEPFUN_REASONING_EFFORT",
    ),
    _check(
        "message_shapes",
        "Which shapes of messages are accepted?",
        "11.10",
        "a name, lists of text parts, two system messages, an assistant last: the status of each",
        chat.message_shapes,
    ),
    _check(
        "json_schema", "Is json_schema native on this model?", "11.9", "whether the answer is valid", chat.json_schema
    ),
    _check(
        "schema_subset",
        "How much of JSON Schema is supported?",
        "11.9",
        "the status with $ref, anyOf and recursion",
        chat.schema_subset,
    ),
    _check(
        "large_cap",
        "Is an excessive max_tokens rejected?",
        "11.11",
        "the status with ten million",
        chat.large_cap,
    ),
    _check(
        "overflow",
        "What is the response to a prompt longer than the window?",
        "11.11",
        "the status and the text; a quarter of a million tokens, if it is accepted",
        chat.overflow,
        expensive=True,
    ),
    _check(
        "cache", "Do equal prompts hit the cache?", "11.12", "cached tokens of three equal prompts", chat.cache(None)
    ),
    _check(
        "cache_header",
        "Do equal prompts hit the cache with the header?",
        "11.12",
        "as cache, with X-Session-Id; one run proves little, compare many of both",
        chat.cache("X-Session-Id"),
        "STEPFUN_PROMPT_CACHE_HEADER",
    ),
    _check(
        "responses",
        "Is the Responses route served on this plan?",
        "11.14",
        "the status",
        chat.responses,
        "STEPFUN_RESPONSES_ROUTE",
    ),
    _check(
        "responses_tool_choice",
        "Is tool_choice honoured on Responses?",
        "11.5",
        "the status and the calls with none, required and a name",
        chat.responses_tool_choice,
        "STEPFUN_RESPONSES_ROUTE",
    ),
    _check(
        "responses_reasoning",
        "Does Responses accept reasoning items as input?",
        "11.20",
        "the status of a second turn that contains the complete output of the first",
        chat.responses_reasoning,
    ),
    _check(
        "messages",
        "Is the Messages route served for this model?",
        "11.12, 11.13",
        "the status, and which fields report the cache",
        chat.messages_route,
    ),
    _check(
        "reasoning_replay",
        "Must reasoning be replayed after a tool call?",
        "11.20",
        "the second turn without and with reasoning_content: status and prompt tokens",
        chat.reasoning_replay,
        "STEPFUN_REPLAY_REASONING",
    ),
    _check(
        "web_search",
        "Is the built-in search served here? It is billed per search.",
        "11.18",
        "the status",
        chat.web_search,
        "STEPFUN_WEB_SEARCH",
    ),
    _check(
        "several_choices",
        "Does n return several choices?",
        "11.21",
        "the number of choices: plain, with tools, streamed",
        chat.several,
    ),
    _check("image_detail", "Is detail auto accepted?", "11.15", "the status, with an image of 16 pixels", chat.detail),
    _check(
        "many_images",
        "How many images may a request contain?",
        "11.15",
        "the status with 11, 51 and 61 of 16 pixels",
        chat.many_images,
    ),
    _check(
        "limit_headers",
        "Do headers report rate limits?",
        "11.17",
        "names of the response headers",
        chat.limit_headers,
        "STEPFUN_RATE_LIMIT_MIN_WAIT",
    ),
    _check(
        "unknown_model",
        "Which status does an unknown model get?",
        "11.17",
        "the status and the text",
        chat.unknown_model,
    ),
    *(
        _check(
            name,
            f"Is {name} accepted on chat?",
            "11.1",
            "the status; one call cannot show an effect",
            chat.accepts(name, value),
            "STEPFUN_ON_UNSUPPORTED",
        )
        for name, value in (
            ("seed", 7),
            ("logprobs", True),
            ("logit_bias", {"1": 1}),
            ("presence_penalty", 0.5),
            ("user", "probe"),
            ("metadata", {"probe": "1"}),
            ("store", False),
            ("service_tier", "default"),
            ("parallel_tool_calls", False),
            ("prediction", {"type": "content", "content": "yes"}),
            ("verbosity", "low"),
            ("prompt_cache_key", "probe"),
        )
    ),
    _check(
        "model_facts",
        "What does the live list report about the model?",
        "11.3, 11.13",
        "window, efforts, and whether it is listed",
        others.model_facts,
        "STEPFUN_CATALOG",
    ),
    _check(
        "image_size",
        "Are image sizes height x width?",
        "11.16, 11.18",
        "the pixels of an image requested as 768x1360",
        others.image_size,
        "STEPFUN_IMAGE_SIZE_ORDER",
    ),
    _check(
        "audio_chat",
        "Is audio chat served here?",
        "11.18",
        "the status",
        others.audio_chat,
    ),
    _check(
        "speech",
        "Which speech models are served here, and which take an instruction?",
        "11.18, 11.23",
        "the status of each",
        others.speech,
    ),
    _check(
        "transcription",
        "Is transcription served here?",
        "11.18",
        "the status, with one second of a tone",
        others.transcription,
    ),
    _check(
        "files",
        "Do files work on this plan, and with an unknown field?",
        "11.19",
        "the status and the object; uploads are deleted afterwards",
        others.files,
    ),
    _check(
        "vector_stores",
        "Do vector stores work on this plan, and with the SDK's own header?",
        "11.19",
        "the status of a list with and without OpenAI-Beta",
        others.vector_stores,
    ),
)

LEFT_OPEN: Final = (
    ("11.12", "how long a prefix stays cached: run `cache` again later"),
    ("11.14", "which engine the router selects: run any check with `--model step-router-v1`"),
    (
        "11.17",
        "429 for too many requests or tokens, an error or blocked content inside a stream: not safe to trigger",
    ),
    ("11.18", "rate tiers: the API does not report them"),
    ("11.22", "prefix and expiry of keys: nothing in this package depends on them"),
    ("11.23", "prices after a free period: the API does not report them"),
)
"""Questions that no probe can answer, by section of docs/stepfun-api.md."""
