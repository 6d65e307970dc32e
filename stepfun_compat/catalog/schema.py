"""The shapes of the catalog's rows. Data only: what a row means is decided by the module that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ParameterState = Literal["supports", "tolerates", "rejects", "unknown"]
"""What StepFun does with a request parameter: honours it, accepts it without effect, refuses it, or nobody has shown."""


@dataclass(frozen=True)
class Price:
    """Money per one million tokens. `cached` is the price of a prompt token served from the prefix cache."""

    input: float
    cached: float
    output: float


@dataclass(frozen=True)
class Rate:
    """Money for what is not counted in tokens: `amount` for `per` of `unit`."""

    amount: float
    unit: Literal["characters", "hours", "images"]
    per: int = 1


@dataclass(frozen=True)
class Tier:
    """The limits of one tier: requests at once, requests and tokens a minute (None where none is on record).

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

    `efforts` maps every effort OpenAI code may ask for to the one StepFun is sent; empty means the parameter is
    never sent. `context` and `max_output` are tokens, None where StepFun states none. `json_schema` says whether
    the chat endpoint is trusted with a native `json_schema`, `web_search` whether the search tool is listed (None: sources
    disagree). `cny` and `usd` are prices of tokens, `cny_rate` and `usd_rate` of what is billed otherwise. `source` names the pages of StepFun's documentation
    (or the measurement) behind the row, `as_of` the day they were read.
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
    """A StepFun id whose inference has stopped, and the replacement StepFun names."""

    id: str
    replacement: str
    since: str
    source: str


@dataclass(frozen=True)
class Alias:
    """An OpenAI model name, or a glob over several, and what makes a StepFun model behave like it.

    `effort` is sent when the caller sets none. `headroom` is the number of tokens added to a caller's cap, because
    reasoning is paid from the cap at StepFun (stepfun-api 4.6) and the model behind this name did not reason. `source` says
    where the name is from; what stands in for it is a choice of ours.
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
    """What StepFun does with one parameter of one endpoint, and what we do about it.

    `meaning` is False for a parameter whose absence changes no answer (`user`, `store`, …).
    """

    endpoint: str
    name: str
    state: ParameterState
    action: str
    meaning: bool = False
    source: str = ""
    as_of: str = ""


Outcome = Literal["works", "limits", "absent", "stock"]
"""What becomes of a method: it works, works within a documented limit, is refused here with the alternative named, or
needs no service and is the SDK's own."""


@dataclass(frozen=True)
class EndpointOutcome:
    """The outcome of one method of openai's client, or of all that a glob such as `beta.agents.*` names."""

    method: str
    outcome: Outcome
    note: str = ""


@dataclass(frozen=True)
class Absent:
    """Something StepFun does not offer (stepfun-api 10). `resource` names it for `Settings(fallback=...)`; `instead` says what
    to do. `pattern` is a path as in the routing table. `routable` is False for what makes no sense at another
    provider, such as changing a store that is kept here."""

    method: str
    pattern: str
    resource: str
    instead: str
    routable: bool = True


@dataclass(frozen=True)
class Voice:
    """One of StepFun's system voices. `english` marks those meant for English first."""

    id: str
    gender: Literal["female", "male"]
    english: bool = False


@dataclass(frozen=True)
class VoiceAlias:
    """One of OpenAI's voices and the one that stands in for it: a choice by gender and manner."""

    name: str
    voice: str
    why: str


@dataclass(frozen=True)
class ImageModel:
    """The sizes and limits of one image model. `sizes` are (width, height) in pixels with the text StepFun takes;
    `order_unverified` says that the text may mean the two sides the other way round."""

    id: str
    sizes: Mapping[tuple[int, int], str]
    prompt_limit: int
    source: str
    as_of: str
    order_unverified: bool = False


@dataclass(frozen=True)
class FilePurpose:
    """One of StepFun's purposes: what may be uploaded for it, and how much (bytes)."""

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
"""How the safe form is made; `endpoints.contested` has a function for each. `none`: there is no safe form."""


@dataclass(frozen=True)
class ContestedFact:
    """Something sources disagree about: OpenAI's form is sent, and the safe form when a 400 speaks of it.

    `endpoint` is the one on the wire, `models` globs over StepFun ids. An error speaks of the fact if one of `about`
    and one of `refusal` are found in its lower-case text (`param`, `type` and `message`, one a line) and none of
    `unless`; all three are regular expressions. `rewrite` makes the safe form of `parameter`, with `low`, `high` and
    `values` as its arguments. `lossy` marks a safe form that may give another answer. The outcome of one that is not
    `remembered` hangs on the single request. `source` is for OpenAI's form, `source_against` for the strict side,
    `as_of` the day both were read.
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
    """The outcome of a contested fact, for good: `safe` sends the safe form at once, `openai` sends OpenAI's form and
    leaves a refusal to the caller. `model` and `host` are globs; the host is the one of the base URL, with its port."""

    fact: str
    outcome: Literal["openai", "safe"]
    model: str = "*"
    host: str = "*"
    source: str = ""
    as_of: str = ""
