"""The dataclasses of the catalog's rows. Data only: the modules that read a row interpret it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ParameterState = Literal["supports", "tolerates", "rejects", "unknown"]
"""What StepFun does with a request parameter: honours it, accepts it without effect, refuses it, or unknown."""


@dataclass(frozen=True)
class Price:
    """Prices per one million tokens. `cached` is that of prompt tokens served from the prefix cache."""

    input: float
    cached: float
    output: float


@dataclass(frozen=True)
class Rate:
    """The price of usage that is not billed by tokens: `amount` for `per` units."""

    amount: float
    unit: Literal["characters", "hours", "images"]
    per: int = 1


@dataclass(frozen=True)
class Tier:
    """The limits of one tier: concurrent requests, requests and tokens per minute (None if unknown).

    `top_up` is the cumulative payment it starts at, in USD for region `global` and in CNY for `cn`.
    """

    region: Literal["global", "cn"]
    name: str
    concurrency: int
    rpm: int | None = None
    tpm: int | None = None
    top_up: float | None = None
    source: str = ""
    as_of: str = ""
    plan: Literal["standard", "step_plan"] = "standard"


@dataclass(frozen=True)
class Model:
    """One StepFun model.

    `efforts` maps every effort a program may pass to the one sent to StepFun; if it is empty, the parameter is never
    sent. `context` and `max_output` are in tokens, None if StepFun does not state them. `json_schema`: chat requests use
    a native `json_schema`. `web_search`: the search tool is documented (None: sources disagree). `cny` and `usd` are
    prices of tokens, `cny_rate` and `usd_rate` of other units. `source` names the pages of StepFun's documentation (or
    the measurement), `as_of` the day they were read.
    """

    id: str
    kind: Literal["chat", "audio_chat", "realtime", "tts", "asr", "image"]
    source: str
    as_of: str
    input: frozenset[str] = frozenset({"text"})
    output: frozenset[str] = frozenset({"text"})
    context: int | None = None
    max_output: int | None = None
    efforts: Mapping[str, str] = field(default_factory=lambda: {})
    reasons: bool = False
    json_schema: bool = False
    tools: bool = False
    web_search: bool | None = False
    prompt_cache: bool = False
    image_detail: str | None = None
    endpoints: frozenset[str] = frozenset({"chat.completions"})
    plans: frozenset[str] = frozenset({"standard"})
    cny: Price | None = None
    usd: Price | None = None
    cny_rate: Rate | None = None
    usd_rate: Rate | None = None
    released: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Retired:
    """A retired StepFun id, and the replacement StepFun names."""

    id: str
    replacement: str
    since: str
    source: str


@dataclass(frozen=True)
class Alias:
    """An OpenAI model name, or a glob, and how a StepFun model replaces it.

    `effort` is sent if the caller sets none. `headroom` is the number of tokens added to the caller's `max_tokens`,
    because at StepFun reasoning counts against the limit (stepfun-api 4.6) and the model of this name does not reason.
    `source` is the origin of the name; the replacement is a choice.
    """

    pattern: str
    model: str
    effort: str | None = None
    headroom: int = 0
    why: str = ""
    source: str = ""
    as_of: str = ""


@dataclass(frozen=True)
class Parameter:
    """What StepFun does with one parameter of one endpoint, and what the client does.

    `meaning` is False for a parameter that does not affect the response (`user`, `store`, …). `models` are globs of the
    StepFun models that a parameter with the action `drop` is sent to nevertheless.
    """

    endpoint: str
    name: str
    state: ParameterState
    action: str
    meaning: bool = False
    source: str = ""
    as_of: str = ""
    models: tuple[str, ...] = ()


Outcome = Literal["works", "limits", "absent", "stock"]
"""The outcome of a method: it works, works within a documented limit, is refused with an error that names the
alternative, or is the SDK's own and sends nothing."""


@dataclass(frozen=True)
class EndpointOutcome:
    """The outcome of one method of openai's client, or of all that match a glob such as `beta.agents.*`."""

    method: str
    outcome: Outcome
    note: str = ""


@dataclass(frozen=True)
class Absent:
    """An endpoint StepFun does not offer (stepfun-api 10). `resource` is its key in `Settings(fallback=...)`; `instead` is
    the alternative. `pattern` is a path as in the routing table. `routable` is False for requests that make no sense at
    another provider, such as changing a store that exists at StepFun."""

    method: str
    pattern: str
    resource: str
    instead: str
    routable: bool = True


@dataclass(frozen=True)
class Voice:
    """One of StepFun's system voices. `english` marks those intended for English."""

    id: str
    gender: Literal["female", "male"]
    english: bool = False


@dataclass(frozen=True)
class VoiceAlias:
    """One of OpenAI's voices and the voice that replaces it: a choice by gender and style."""

    name: str
    voice: str
    why: str


@dataclass(frozen=True)
class ImageModel:
    """The sizes and limits of one image model. `sizes` are (width, height) in pixels with the text sent to StepFun;
    `order_unverified`: the text may have width and height in the other order."""

    id: str
    sizes: Mapping[tuple[int, int], str]
    prompt_limit: int
    source: str
    as_of: str
    order_unverified: bool = False


@dataclass(frozen=True)
class FilePurpose:
    """One of StepFun's purposes: the allowed file types and sizes (in bytes)."""

    name: str
    extensions: frozenset[str]
    max_bytes: int
    source: str
    as_of: str


Rewrite = Literal[
    "json_mode",
    "clamp",
    "replace",
    "drop",
    "roles",
    "string_content",
    "join_text",
    "documented_keys",
    "one_system",
    "other_purpose",
    "chat",
    "none",
]
"""How to build the safe form; `endpoints.contested` has a function for each. `none`: there is no safe form."""


@dataclass(frozen=True)
class ContestedFact:
    """A fact that sources disagree about: the client sends OpenAI's form, and the safe form after a 400 about the fact.

    `endpoint` is StepFun's endpoint, `models` globs over StepFun ids. An error is about the fact if its lower-case text
    (`param`, `type` and `message`, one per line) matches one of `about`, one of `refusal` and none of `unless`; all are
    regular expressions. `rewrite` builds the safe form of `parameter`, with the arguments `low`, `high` and `values`.
    `lossy`: the safe form may change the response. `remembered` is False if the outcome depends on the single request.
    `source` supports OpenAI's form, `source_against` the strict side; `as_of` is the day both were read.
    """

    fact: str
    endpoint: str
    parameter: str
    openai: str
    safe: str
    rewrite: Rewrite
    about: tuple[str, ...]
    refusal: tuple[str, ...]
    source: str
    source_against: str
    as_of: str
    unless: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    low: float | None = None
    high: float | None = None
    values: Mapping[str, str] = field(default_factory=lambda: {})
    lossy: bool = False
    remembered: bool = True


@dataclass(frozen=True)
class SettledFact:
    """The permanent outcome of a contested fact: `safe` sends the safe form at once, `openai` sends OpenAI's form and
    raises a refusal to the caller. `model` and `host` are globs; the host is that of the base URL, with its port."""

    fact: str
    outcome: Literal["openai", "safe"]
    model: str = "*"
    host: str = "*"
    source: str = ""
    as_of: str = ""
