"""Streams: the three recorded shapes are translated to OpenAI's chunks (stepfun-api 4.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.chat import (
    SHAPE_A,
    SHAPE_B,
    SHAPE_C,
    USER,
    a,
    asked,
    b,
    calls_of,
    deltas,
    fragment,
    out,
    reasons,
    sent,
    stream,
    text,
    tool_stream,
)

SHAPES = {"A": SHAPE_A, "B": SHAPE_B, "C": SHAPE_C}
shapes = pytest.mark.parametrize("chunks", SHAPES.values(), ids=SHAPES)
OPENAI_KEYS = {"id", "object", "created", "model", "choices"}


@shapes
def test_api_4_5_every_shape_becomes_openais_chunks(chunks: list[Any]) -> None:
    received = stream(chunks)
    assert text(received) == "AI is"
    assert received[0]["choices"][0]["delta"]["role"] == "assistant"
    for row in received:
        assert set(row) == OPENAI_KEYS  # no usage unless requested, no agent
        assert set(row["choices"][0]) == {"index", "delta", "logprobs", "finish_reason"}
        assert row["object"] == "chat.completion.chunk"


@shapes
def test_api_4_5_role_on_every_chunk_is_sent_once(chunks: list[Any]) -> None:
    roles = [delta["role"] for delta in deltas(stream(chunks)) if "role" in delta]
    assert roles == ["assistant"]


@shapes
def test_api_4_5_finish_reason_is_none_until_the_last(chunks: list[Any]) -> None:
    received = stream(chunks)
    assert reasons(received) == [None] * (len(received) - 1) + ["stop"]
    assert deltas(received)[-1] == {}  # as in OpenAI's streams, the finish reason has its own chunk


@shapes
def test_api_4_5_requested_usage_is_reported_once(chunks: list[Any]) -> None:
    received = stream(chunks, asked(stream_options={"include_usage": True}))
    assert [row["usage"] for row in received[:-1]] == [None] * (len(received) - 1)
    assert all(row["choices"] for row in received[:-1])
    assert received[-1]["choices"] == []
    last = chunks[-1]["usage"]
    assert received[-1]["usage"]["completion_tokens"] == last["completion_tokens"]
    assert received[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": last.get("cached_tokens", 0)}
    assert {received[0][key] for key in ("id",)} == {row["id"] for row in received}


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
def test_api_4_5_usage_is_not_reported_unless_requested(options: Any) -> None:
    received = stream(SHAPE_A, asked(stream_options=options))
    assert not any("usage" in row for row in received)
    assert all(row["choices"] for row in received)


def test_api_3_2_stream_options_are_not_sent() -> None:
    assert sent(stream=True, stream_options={"include_usage": True}) == {
        "model": "step-3.7-flash",
        "messages": [USER],
        "stream": True,
    }


def test_api_4_5_usage_chunk_sent_by_stepfun_is_not_duplicated() -> None:
    # whether StepFun honours include_usage is unverified (stepfun-api 11.2): both cases must give the same chunks
    own = {**a({}), "choices": [], "usage": {"prompt_tokens": 90, "completion_tokens": 25, "total_tokens": 115}}
    received = stream([*SHAPE_A, own], asked(stream_options={"include_usage": True}))
    assert [row["usage"]["total_tokens"] for row in received if not row["choices"]] == [115]
    assert all(row["choices"] for row in stream([*SHAPE_A, own]))


def test_api_4_5_later_zero_usage_does_not_replace_usage() -> None:
    received = stream([*SHAPE_A[:3], a({}, "stop", tokens=0)], asked(stream_options={"include_usage": True}))
    assert received[-1]["usage"]["completion_tokens"] == 14


def test_api_4_5_created_0_is_replaced_by_a_later_time() -> None:
    assert {row["created"] for row in stream(SHAPE_A)} == {1710146871}
    # text is not held back until a time is known
    transform_first = stream([a({"content": "A"}, created=0)])
    assert text(transform_first) == "A"


def test_api_4_5_stream_without_a_created_time_keeps_0() -> None:
    received = stream([a({"content": ""}, created=0), a({"content": ""}, created=0)])
    assert received[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert received[0]["created"] == 0


def test_api_4_5_all_chunks_have_the_first_id() -> None:
    chunks = [{**chunk, "id": f"x{i}"} for i, chunk in enumerate(SHAPE_B)]
    assert {row["id"] for row in stream(chunks)} == {"x0"}


def test_api_4_5_reasoning_has_both_names_and_no_content() -> None:
    received = deltas(stream(SHAPE_B))
    assert received[0] == {"role": "assistant", "content": "", "reasoning": "用户", "reasoning_content": "用户"}
    assert received[1] == {"reasoning": "asks", "reasoning_content": "asks"}
    assert received[2] == {"content": "AI"}


def test_api_4_1_reasoning_sent_under_both_names_is_not_duplicated() -> None:
    received = stream([b({"content": "", "reasoning": "hm", "reasoning_content": "hm"}), b({"content": "x"}, "stop")])
    assert "".join(d.get("reasoning_content") or "" for d in deltas(received)) == "hm"
    assert "".join(d.get("reasoning") or "" for d in deltas(received)) == "hm"


def test_api_4_5_last_chunk_may_contain_text_and_reason() -> None:
    received = stream(SHAPE_B)
    assert deltas(received)[-2:] == [{"content": " is"}, {}]


def test_api_4_5_repeated_finish_reason_is_sent_once() -> None:
    received = stream([*SHAPE_A, a({"content": ""}, "stop")])
    assert reasons(received).count("stop") == 1


def test_null_fields_of_a_delta_add_no_chunks() -> None:
    nulls = {"content": None, "refusal": None, "function_call": None, "tool_calls": None, "audio": None}
    received = stream([b({"content": "x"}), b(nulls), b(nulls, "stop")])
    assert deltas(received) == [{"role": "assistant", "content": "x"}, {}]


def test_api_4_5_stream_without_finish_reason_ends_without_one() -> None:
    for chunks in SHAPES.values():
        received = stream(chunks[:-1])
        assert reasons(received) == [None] * len(received)


def test_empty_stream_is_truncated() -> None:
    from stepfun_compat.endpoints.chat.endpoint import ENDPOINT

    transform = ENDPOINT.transform_stream(asked())
    assert list(transform.close()) == []
    assert transform.truncated


def test_chunk_that_is_not_an_object_is_reported() -> None:
    for bad in ([], "x", None, 3):
        with pytest.raises(UnexpectedBody):
            stream([bad])


# ---------------------------------------------------------------- caps (stepfun-api 4.6)


def capped(chunks: list[Any], cap: int, **body: Any) -> list[Any]:
    context = asked(model="gpt-4o", max_tokens=cap, **body)
    return stream(chunks, context)


def counted(texts: list[str], start: int = 0) -> list[Any]:
    rows = [b({"content": piece}, tokens=start + i + 1) for i, piece in enumerate(texts)]
    return [*rows, b({"content": ""}, "stop", tokens=start + len(texts))]


def test_api_4_6_stream_text_ends_at_the_callers_cap() -> None:
    received = capped(counted([f"w{i:02} " for i in range(20)]), 5)
    assert text(received) == "w00 w01 w02 w03 w04 "
    assert reasons(received)[-1] == "length"


def test_api_4_6_stream_text_within_the_cap_is_not_cut() -> None:
    received = capped(counted([f"w{i:02} " for i in range(5)]), 5)
    assert text(received) == "w00 w01 w02 w03 w04 "
    assert reasons(received)[-1] == "stop"


def test_api_4_6_reasoning_does_not_count_toward_the_cap() -> None:
    thinking = [b({"content": "", "reasoning": "…"}, tokens=n) for n in (1, 400, 900)]
    received = capped(thinking + counted(["one ", "two ", "three "], 900), 3)
    assert text(received) == "one two three "
    assert reasons(received)[-1] == "stop"


def test_api_4_6_one_big_chunk_is_cut_not_dropped() -> None:
    thinking = [b({"content": "", "reasoning": "…"}, tokens=50)]
    received = capped([*thinking, b({"content": "x" * 1000}, "stop", tokens=250)], 50)
    assert text(received) == "x" * 250
    assert reasons(received)[-1] == "length"


def test_api_4_6_reported_reasoning_tokens_are_subtracted() -> None:
    whole = b({"content": "x" * 1000}, "stop", tokens=450)
    whole["usage"]["completion_tokens_details"] = {"reasoning_tokens": 400}
    assert text(capped([whole], 50)) == "x" * 1000


def test_api_4_6_capped_stream_is_read_to_its_end_for_usage() -> None:
    received = capped(counted([f"w{i:02} " for i in range(20)]), 5, stream_options={"include_usage": True})
    assert received[-1]["usage"]["completion_tokens"] == 20


def test_api_4_6_json_is_never_cut_and_each_choice_is() -> None:
    chunks = counted(['{"a":', " [1,", " 2,", " 3]", "}"])
    assert json.loads(text(capped(chunks, 1, response_format={"type": "json_object"}))) == {"a": [1, 2, 3]}
    assert text(capped(counted(["aa ", "bb ", "cc "]), 1, n=2)) == "aa "


def test_api_4_6_arguments_are_never_cut() -> None:
    chunks = tool_stream([fragment("f", "{" + " " * 500 + "}", index=0, id="c")])
    for chunk in chunks:
        chunk["usage"]["completion_tokens"] = 600
    assert calls_of(capped(chunks, 5)) == [("c", "f", "{" + " " * 500 + "}")]


# ---------------------------------------------------------------- JSON mode, choices, audio, models


def test_api_3_5_fences_around_json_are_stripped_from_a_stream() -> None:
    context = asked(response_format={"type": "json_object"})
    pieces = ["``", "`json", '\n{"a"', ": 1}\n", "``", "`"]
    assert text(stream([*(b({"content": p}) for p in pieces), b({}, "stop")], context)) == '{"a": 1}'


def test_fences_in_plain_text_stay() -> None:
    pieces = ["```py\n", "print()\n", "```"]
    assert text(stream([*(b({"content": p}) for p in pieces), b({}, "stop")])) == "".join(pieces)


def test_api_11_21_several_choices_are_kept_apart() -> None:
    def one(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        row = b(delta, finish)
        row["choices"][0]["index"] = index
        return row

    received = stream(
        [
            one(0, {"content": "a"}),
            one(1, {"content": "b"}),
            one(1, {"tool_calls": [fragment("f", "{}", id="c")]}, "stop"),
            one(0, {"content": "A"}, "stop"),
        ]
    )
    by_index = {i: [r["choices"][0] for r in received if r["choices"][0]["index"] == i] for i in (0, 1)}
    assert "".join(r["delta"].get("content") or "" for r in by_index[0]) == "aA"
    assert [r["finish_reason"] for r in by_index[0]][-1] == "stop"
    assert [r["finish_reason"] for r in by_index[1]][-1] == "tool_calls"
    assert all([("role" in r["delta"]) for r in rows].count(True) == 1 for rows in by_index.values())


def test_api_4_2_audio_chunks_keep_their_data_and_get_an_id() -> None:
    from stepfun_compat.endpoints.chat.messages import transcript_of

    context = asked(
        model="step-audio-2", modalities=["text", "audio"], audio={"voice": "wenrounansheng", "format": "pcm"}
    )
    received = deltas(
        stream(
            [b({"audio": {"transcript": "Hel"}}), b({"audio": {"data": "AA", "transcript": "lo"}}), b({}, "stop")],
            context,
        )
    )
    sound = [delta["audio"] for delta in received if "audio" in delta]
    assert "".join(row.get("transcript", "") for row in sound) == "Hello"
    assert transcript_of(next(row["id"] for row in sound if "id" in row)) == "Hello"


def test_requested_model_name_is_echoed_in_streams_when_set() -> None:
    context = out(settings={"echo_requested_model": True}, model="gpt-4o", stream=True)[1]
    assert {row["model"] for row in stream(SHAPE_B, context)} == {"gpt-4o"}
    assert {row["model"] for row in stream(SHAPE_B, asked(model="gpt-4o"))} == {"step-3.7-flash"}
