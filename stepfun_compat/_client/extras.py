"""`client.stepfun`, and the state that a client shares with its copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

import openai

from ..catalog.aliases import DEFAULT_CHAT
from ..endpoints.json_values import row_of, type_of
from ..prompt_cache.stats import PromptCacheStats
from . import responses

if TYPE_CHECKING:
    from ..contested_memory import Refused
    from ..diagnostics.explain import Explanation
    from ..endpoints.context import Json, RequestContext
    from ..prices import ModelPrice
    from ..settings import Settings
    from .context import ClientContext


class RequestBuilder(Protocol):
    """What builds the requests of one client in place of the SDK."""

    def build(self, build: Callable[..., Any], client: Any, options: Any, **kwargs: Any) -> Any:
        """Return the request that `build`, the SDK's own `_build_request`, returns for the options."""
        ...


class ClientFamily:
    """The state that a client shares with its copies: statistics, cached reasoning, other providers' clients."""

    encodes_bodies = False
    """Whether the reader of raw responses takes translated JSON bodies from the extension `BODY` and encodes them, so
    that no second response is built."""

    def __init__(self, settings: Settings) -> None:
        self.prompt_cache = PromptCacheStats(settings.region)
        self.fallbacks: dict[tuple[str, str], Any] = {}
        self.reasoning = None
        if settings.replay_reasoning == "cache" or settings.show_reasoning != "always":
            from ..endpoints.chat.reasoning_cache import ReasoningCache

            self.reasoning = ReasoningCache()

    def request_builder(self) -> RequestBuilder | None:
        """Return what builds the requests of a client of this family; None for the SDK."""
        return None

    def record(self, request_context: RequestContext, data: Json) -> None:
        """Add the prompt cache usage that a response reports to the statistics."""
        if request_context.endpoint not in ("chat.completions", "completions", "responses"):
            return
        usage: Json = row_of(data).get("usage")
        if type_of(usage) is not dict:
            return
        if "input_tokens" in usage:
            from ..endpoints.responses.native import chat_usage

            usage = chat_usage(usage)
        if usage and request_context.model_id:
            self.prompt_cache.record(request_context.model_id, usage)


class Extras:
    """`client.stepfun`: everything that a client offers beyond openai's."""

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self._client = context.client

    @property
    def settings(self) -> Settings:
        """The settings this client was made with."""
        return self._context.settings

    @property
    def active(self) -> bool:
        """Whether requests are translated. False for a client of another vendor's host, which behaves like openai's."""
        return self._context.targets_stepfun()

    @property
    def prompt_cache(self) -> PromptCacheStats:
        """Prompt cache statistics, shared with this client's copies."""
        return self._context.family.prompt_cache

    @property
    def settled(self) -> tuple[Refused, ...]:
        """The contested facts that this client's host has refused in this process, with the number of requests that it
        took to find out. Their safe form is sent from then on."""
        from ..contested_memory import SETTLED, host_of

        host = host_of(str(self._client._base_url))
        return tuple(row for row in SETTLED.rows() if row.host == host)

    def forget_settled(self) -> None:
        """Send OpenAI's form again for everything that this client's host has refused."""
        from ..contested_memory import SETTLED, host_of

        SETTLED.forget(host_of(str(self._client._base_url)))

    def reasoning(self, answer: Any) -> str | None:
        """Return the reasoning behind a chat completion, given as an object, a dict or an id; None if there is none.

        A response to a request for an OpenAI model name does not contain it (`Settings.show_reasoning`). The client and
        its copies keep the reasoning of the last 256 such responses.
        """
        id: Any = answer
        if not isinstance(answer, str):
            values: dict[str, Any] = cast("dict[str, Any]", answer) if isinstance(answer, Mapping) else answer.to_dict()
            id = values.get("id")
            choices: list[Any] = list(values.get("choices") or ())
            messages: list[Any] = [choice.get("message") or {} for choice in choices]
            shown = "".join(str(message.get("reasoning_content") or "") for message in messages)
            if shown:
                return shown
        cache = self._context.family.reasoning
        return None if cache is None else cache.answer(str(id))

    def explain(self, endpoint: str = "", /, **kwargs: Any) -> Explanation:
        """Return what a call would send and what would be changed about it, without sending anything.

        Works like `stepfun_compat.explain`, with this client's settings.
        """
        from ..diagnostics.explain import DEFAULT, explain_call

        name = endpoint or kwargs.pop("endpoint", DEFAULT)
        deployment = self._context.deployment
        return explain_call(name, kwargs, self.settings, base_url=str(self._client._base_url), deployment=deployment)

    def price(self, model: str) -> ModelPrice:
        """Return the list price of the model behind a name, in USD for region `global` and in CNY for `cn`."""
        from ..prices import price_of

        return price_of(model, self.settings)

    def cost(self, answer: Any) -> float | None:
        """Return the cost of a response at list prices, in the currency of `price`; None if it is unknown."""
        from ..prices import cost_of

        return cost_of(answer, self.settings)

    def count_tokens(self, messages: Any, *, model: str = DEFAULT_CHAT) -> Any:
        """Count the tokens of a conversation with StepFun's endpoint (`POST /token/count`, stepfun-api 7).

        `messages` has the form of `chat.completions.create`. Tools are not counted, since the endpoint accepts none.
        Returns an int, or an awaitable of one for an async client.

        Raises:
            openai.BadRequestError: a chat completion would refuse these messages, too.
        """
        from ..diagnostics.explain import token_count_body
        from ..endpoints.context import RequestRejected

        try:
            body = token_count_body(messages, model, self.settings)
        except ValueError as error:
            request: Any = self._context.http_module().Request("POST", str(self._client._base_url))
            raise responses.rejection(self._context, RequestRejected(str(error)), request) from None
        answer = self._client.post("/token/count", body=body, cast_to=object)
        if hasattr(answer, "__await__"):
            return _counted_later(answer)
        return _counted(answer)


def _counted(answer: Any) -> int:
    try:
        return int(answer["data"]["total_tokens"])
    except (KeyError, TypeError, ValueError):
        raise openai.OpenAIError(f"The response has no token count: {str(answer)[:200]}") from None


async def _counted_later(answer: Any) -> int:
    return _counted(await answer)
