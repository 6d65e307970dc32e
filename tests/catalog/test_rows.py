"""The catalog's rows are complete and dated, and every OpenAI name resolves to the model that behaves like it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from stepfun_compat import catalog, explain
from stepfun_compat.catalog.tiers import tier, tiers_for

CATALOG = catalog.default()

NON_REASONING = [
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-16k",
    "gpt-3.5-turbo-instruct",
    "gpt-4",
    "gpt-4-0613",
    "gpt-4-32k",
    "gpt-4-turbo",
    "gpt-4-turbo-2024-04-09",
    "gpt-4-1106-preview",
    "gpt-4-vision-preview",
    "gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-search-preview",
    "gpt-4.1",
    "gpt-4.1-2025-04-14",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4.5-preview",
    "chatgpt-4o-latest",
    "gpt-5-chat-latest",
    "gpt-5.1-chat-latest",
    "gpt-35-turbo",
    "text-davinci-003",
    "ft:gpt-4o-mini-2024-07-18:acme::x",
]
REASONING = [
    "gpt-5",
    "gpt-5-2025-08-07",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5-pro",
    "gpt-5-codex",
    "gpt-5.1",
    "gpt-5.1-codex",
    "gpt-5.2",
    "gpt-5.2-pro",
    "o1",
    "o1-mini",
    "o1-preview",
    "o1-pro",
    "o3",
    "o3-mini",
    "o3-pro",
    "o3-deep-research",
    "o4-mini",
    "o4-mini-2025-04-16",
    "o4-mini-deep-research",
    "codex-mini-latest",
    "computer-use-preview",
    "gpt-oss-120b",
]


@pytest.mark.parametrize("name", NON_REASONING)
def test_non_reasoning_model_gets_low_effort_and_headroom(name: str) -> None:
    explained = explain(model=name, messages=[{"role": "user", "content": "x"}], max_tokens=10)
    assert explained.body["model"] == "step-3.7-flash"
    assert explained.body["reasoning_effort"] == "low"
    assert explained.body["max_tokens"] > 10


@pytest.mark.parametrize("name", REASONING)
def test_reasoning_model_gets_medium_effort_and_no_headroom(name: str) -> None:
    explained = explain(model=name, messages=[{"role": "user", "content": "x"}], max_completion_tokens=10)
    assert explained.body["model"] == "step-3.7-flash"
    assert explained.body["reasoning_effort"] == "medium"
    assert explained.body["max_tokens"] == 10


def test_every_row_has_a_source_and_a_date() -> None:
    for row in CATALOG.models.values():
        assert row.source
        assert row.as_of.startswith("2026-")
        assert row.endpoints
        assert row.plans
    for old in CATALOG.retired.values():
        assert old.source
        assert old.since == "2026-07-08"


def test_api_2_1_chat_models() -> None:
    assert {row.id for row in CATALOG.models.values() if row.kind == "chat"} == {
        "step-5-preview",
        "step-3.7-flash",
        "step-3.5-flash",
        "step-3.5-flash-2603",
        "step-router-v1",
        "step-1o-turbo-vision",
    }
    flash = CATALOG.models["step-3.7-flash"]
    assert set(flash.efforts.values()) == {"low", "medium", "high"}
    assert {"image", "video", "text"} == flash.input
    assert "responses" in flash.endpoints
    assert "responses" not in CATALOG.models["step-3.5-flash"].endpoints
    assert not CATALOG.models["step-3.5-flash"].efforts
    assert set(CATALOG.models["step-3.5-flash-2603"].efforts.values()) == {"low", "high"}
    assert CATALOG.models["step-router-v1"].plans == {"step_plan"}


def test_api_6_cached_prices() -> None:
    for row in CATALOG.models.values():
        if row.prompt_cache and row.cny and row.kind == "chat":
            ratio = 0.05 if row.id == "step-5-preview" else 0.2
            assert row.cny.cached == pytest.approx(row.cny.input * ratio)


@pytest.mark.parametrize(
    ("old", "new"),
    [("step-3", "step-3.7-flash"), ("step-1v-8k", "step-1o-turbo-vision"), ("step-2-16k", "step-1o-turbo-vision")],
)
def test_api_2_3_retired_ids_are_replaced_with_a_warning(old: str, new: str) -> None:
    explained = explain(model=old, messages=[])
    assert explained.body["model"] == new
    assert [change.lossy for change in explained.changes if change.parameter == "model"] == [True]


def test_aliases_and_replacements_are_current_models() -> None:
    for alias in CATALOG.aliases:
        assert alias.model in CATALOG.models
    for old in CATALOG.retired.values():
        assert old.replacement in CATALOG.models
        assert old.id not in CATALOG.models


def test_parameters_have_one_of_four_states() -> None:
    for row in CATALOG.all_parameters:
        assert row.state in ("supports", "tolerates", "rejects", "unknown")
        assert row.action in ("send", "translate", "drop")
        assert row.source


def test_every_open_question_has_a_probe_or_is_listed():
    from stepfun_compat.diagnostics import probes as probing

    asked = {number.strip() for check in probing.CHECKS for number in check.fact.split(",")}
    left = {number for number, _ in probing.LEFT_OPEN}
    later = {"13"}  # added with newer facts: whether `stop` ends the reasoning
    assert asked | left == {f"11.{i}" for i in range(1, 24)} | later
    assert len({check.name for check in probing.CHECKS}) == len(probing.CHECKS)


def test_every_setting_of_a_probe_exists():
    from stepfun_compat.diagnostics import probes as probing
    from stepfun_compat.settings import SETTINGS

    known = {"-", *(name for spec in SETTINGS.values() for name in spec.env)}
    assert {check.setting for check in probing.CHECKS} <= known


def test_api_13_1_tiers_of_both_platforms() -> None:
    chinese, world = tiers_for("cn"), tiers_for("global")
    assert [row.name for row in chinese] == ["V0", "V1", "V2", "V3", "V4", "V5"]
    assert [row.name for row in world] == ["V0", "V1", "V2", "V3", "V4"]
    assert (chinese[0].concurrency, chinese[0].rpm, chinese[0].tpm) == (5, 10, 5_000_000)
    assert (world[4].concurrency, world[4].rpm, world[4].tpm) == (130, 2_600, 13_000_000)
    for rows in (chinese, world):
        assert all(row.source and row.as_of for row in rows)
        for one, next_ in pairwise(rows):
            assert one.top_up < next_.top_up  # pyright: ignore[reportOptionalOperand]
            assert one.concurrency < next_.concurrency
    assert tier("global", "v2") is world[2]
    assert tier("global", "V5") is None
    assert [row.concurrency for row in tiers_for("cn", "step_plan")] == [10]


def test_api_13_2_web_search_of_step_5_preview_is_unknown() -> None:
    assert CATALOG.models["step-5-preview"].web_search is None
    assert CATALOG.models["step-3.7-flash"].web_search is True


def test_prices_of_models_not_billed_by_tokens() -> None:
    assert CATALOG.models["step-tts-2"].usd_rate == catalog.Rate(0.4, "characters", 10_000)
    assert CATALOG.models["step-image-edit-2"].cny_rate == catalog.Rate(0.02, "images")
    assert CATALOG.models["step-1o-turbo-vision"].usd == catalog.Price(0.36, 0.07, 1.15)


def test_models_of_an_endpoint_and_a_plan():
    assert {row.id for row in CATALOG.models_for("responses")} == {
        row.id for row in CATALOG.models.values() if "responses" in row.endpoints
    }
    assert "step-router-v1" in {row.id for row in CATALOG.models_for("chat.completions", "step_plan")}
    assert "step-router-v1" not in {row.id for row in CATALOG.models_for("chat.completions", "standard")}


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("GPT-4O-Mini-TTS", "gpt-4o-mini-tts*"),
        ("gpt-4", "gpt-4"),
        ("us.anthropic.claude-3-haiku", "*.anthropic.claude-*"),
        ("\u017fonnet", "sonnet"),
        ("sonnet-4", None),
    ],
)
def test_first_matching_pattern_decides(name: str, pattern: str | None) -> None:
    row = CATALOG.alias(name)
    assert (None if row is None else row.pattern) == pattern
