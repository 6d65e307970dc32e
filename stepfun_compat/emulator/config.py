"""The emulator's configuration. Each default is the documented behaviour that breaks the most OpenAI code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, cast

from .catalog import TIERS
from .json_values import is_array

StreamShape = Literal["a", "b", "c"]
ToolFinish = Literal["stop", "tool_calls"]
ReasoningFields = Literal["both", "reasoning"]
UsageStyle = Literal["nested", "flat"]
ToolDelta = Literal["missing_index", "repeat", "blank", "openai", "honest"]
Tier = Literal["V0", "V1", "V2", "V3", "V4", "V5"]
Region = Literal["global", "cn"]
Profile = Literal["open", "june"]

REFUSALS: Mapping[str, str] = {
    "json_schema": "json_schema, except on step-3.5-flash and step-3.5-flash-2603 (stepfun-api 3.5)",
    "penalties": "frequency_penalty outside 0.0 to 1.0 (stepfun-api 3.1)",
    "effort": "an effort that the model's page does not list (stepfun-api 3.6)",
    "roles": "roles other than system, user, assistant and tool (stepfun-api 3.1)",
    "parts": "content lists outside user messages (stepfun-api 3.1)",
    "user_parts": "content lists with only text (stepfun-api 13)",
    "null_content": "null or missing content (stepfun-api 13)",
    "message_keys": "undocumented keys of messages (stepfun-api 13)",
    "system_messages": "a system message that is not the first message (stepfun-api 11)",
    "stream_options": "stream_options (stepfun-api 3.2)",
    "tool_choice": "tool_choice other than auto (stepfun-api 3.2, 5.1)",
    "purposes": "file purposes other than storage (stepfun-api 13)",
    "storage": "the file purpose storage",
    "responses": "Responses with every model (stepfun-api 5)",
    "chat": "chat with every model: 'please use the Messages API' (stepfun-api 13)",
}
"""Features that the emulator can reject with 400 because StepFun's sources disagree about their support."""
PROFILES: Mapping[str, frozenset[str]] = {
    "open": frozenset(),
    "june": frozenset(REFUSALS) - {"user_parts", "message_keys", "system_messages", "storage", "responses", "chat"},
}
"""`june`: the strictest reading of StepFun's pages of 2026-06 and its English pages."""

_CHOICES: Mapping[str, tuple[object, ...]] = {
    "stream_shape": ("a", "b", "c"),
    "finish_reason": ("stop", "tool_calls"),
    "reasoning_fields": ("both", "reasoning"),
    "usage_style": ("nested", "flat"),
    "tool_delta": ("missing_index", "repeat", "blank", "openai", "honest"),
    "tier": (None, "V0", "V1", "V2", "V3", "V4", "V5"),
    "region": ("global", "cn"),
    "image_size_order": ("hw", "wh"),
    "unknown_model_status": (400, 404),
    "plan": ("active", "absent", "exhausted"),
    "balance": ("ok", "exhausted"),
    "profile": tuple(PROFILES),
}


@dataclass(frozen=True)
class EmulatorConfig:
    """One emulated StepFun account and server. Raises ValueError for a value that is not listed."""

    stream_shape: StreamShape = "b"
    """The chat stream on the wire: a (2024), b (2026-03), c (web search sample) (stepfun-api 4.5)."""
    strict: bool = False
    """Refuse with 400 everything StepFun does not document: parameters, roles, keys in messages, effort values."""
    profile: Profile = "open"
    """The behaviour where sources disagree: `open` accepts OpenAI's forms, `june` refuses them with 400."""
    refuses: frozenset[str] = frozenset()
    """More to refuse, by the names in `REFUSALS`."""
    tier: Tier | None = None
    """The tier whose concurrency and requests per minute limit the standard channel (stepfun-api 9.3, 13.1). None: no
    limits."""
    plan_concurrency: int | None = None
    """Concurrency of the plan channel; 8 and 10 were observed (stepfun-api 9.3). None: no limit."""
    api_keys: frozenset[str] | None = None
    """The valid keys. None: every non-empty key that does not look like an OpenAI key."""
    region: Region = "global"
    region_keys: Mapping[str, Region] = field(default_factory=lambda: cast("dict[str, Region]", {}))
    """Keys bound to a region: any other region answers 401 (stepfun-api 1)."""
    finish_reason: ToolFinish = "stop"
    """The finish reason of a message with function calls; both values were observed (stepfun-api 4.2)."""
    reasoning_fields: ReasoningFields = "both"
    """`both`: reasoning and reasoning_content; `reasoning`: the one that reasoning_format selects (stepfun-api 4.1)."""
    usage_style: UsageStyle = "nested"
    """`nested`: OpenAI's details; `flat`: top-level cached_tokens, only on a cache hit (stepfun-api 4.4)."""
    tool_delta: ToolDelta = "repeat"
    """Fragments of function calls (stepfun-api 4.5): without an index; with id and name in each; with both blank after
    the first; or as OpenAI sends them (`openai`; `honest` is its old name)."""
    unknown_model_status: int = 400
    """400 is documented; 404 was also observed (stepfun-api 9.1)."""
    plan: Literal["active", "absent", "exhausted"] = "active"
    """The Step Plan subscription: absent answers 400, exhausted 402 on every /step_plan inference call."""
    balance: Literal["ok", "exhausted"] = "ok"
    """The prepaid balance: exhausted answers 402 on every standard inference call; models are still listed."""
    cache_unit: int = 256
    """Tokens per block of the prompt cache: 256 documented, 16 and others observed (stepfun-api 6). 0: no cache."""
    cache_warm_after: int = 1
    """How many requests with a prefix it takes before the next one is a hit."""
    reasoning_tokens: Mapping[str, int] = field(default_factory=lambda: {"low": 24, "medium": 150, "high": 600})
    """Reasoning tokens per effort. An unset effort costs as much as high (stepfun-api 3.6)."""
    context_window: int | None = None
    """Replaces every model's context window, so that a short prompt can exceed it."""
    chunk_tokens: int = 4
    """Tokens per content chunk of a stream."""
    image_size_order: Literal["hw", "wh"] = "hw"
    """How step-image-edit-2 reads a size: its page says height x width, some clients disagree (stepfun-api 8.3)."""
    blocked_terms: tuple[str, ...] = ("emulator-blocked",)
    """Words that content review blocks: 451 on chat, `content_filtered` on images (stepfun-api 9.1, 8.3)."""
    parse_polls: int = 1
    """How many reads of a new file report `processed` (still parsing) before `success` (stepfun-api 8.1)."""
    index_polls: int = 1
    """How many reads of a vector store report a new file as in progress before completed (stepfun-api 8.2)."""
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)
    """Seconds since the epoch. The emulator never reads another clock."""

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                choices = ", ".join(repr(choice) for choice in allowed)
                raise ValueError(f"EmulatorConfig.{name} is {value!r}; allowed: {choices}")
        if self.tier is not None and self.tier not in TIERS[self.region]:
            allowed = ", ".join(TIERS[self.region])
            raise ValueError(f"EmulatorConfig.tier is {self.tier!r}; allowed on the {self.region} platform: {allowed}")
        for name in ("cache_unit", "cache_warm_after", "parse_polls", "index_polls"):
            if getattr(self, name) < 0:
                raise ValueError(f"EmulatorConfig.{name} must not be negative")
        if unknown := sorted(self.refuses - REFUSALS.keys()):
            raise ValueError(f"EmulatorConfig.refuses contains {unknown[0]!r}; allowed: {', '.join(REFUSALS)}")
        if self.chunk_tokens < 1:
            raise ValueError("EmulatorConfig.chunk_tokens must be at least 1")

    def refused(self, name: str) -> bool:
        """Whether the profile or `refuses` includes this name of `REFUSALS`."""
        return name in self.refuses or name in PROFILES[self.profile]

    @staticmethod
    def changes(values: Mapping[str, Any]) -> dict[str, Any]:
        """Convert JSON values to keyword arguments for `dataclasses.replace`. Raises ValueError for an unknown name."""
        known = {item.name for item in fields(EmulatorConfig)} - {"clock"}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"unknown configuration: {', '.join(unknown)}; allowed: {', '.join(sorted(known))}")
        changes = dict(values)
        if is_array(changes.get("api_keys")):
            changes["api_keys"] = frozenset(changes["api_keys"])
        if is_array(changes.get("refuses")):
            changes["refuses"] = frozenset(changes["refuses"])
        if is_array(changes.get("blocked_terms")):
            changes["blocked_terms"] = tuple(changes["blocked_terms"])
        return changes

    def as_json(self) -> dict[str, Any]:
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "clock"}
        values["api_keys"] = None if self.api_keys is None else f"{len(self.api_keys)} keys"
        values["region_keys"] = f"{len(self.region_keys)} keys"
        values["blocked_terms"] = list(self.blocked_terms)
        values["refuses"] = sorted(self.refuses)
        values["reasoning_tokens"] = dict(self.reasoning_tokens)
        return values
