"""The cost of a call in Python function calls: a guard against gradual slowdown that needs no clock."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from openai._models import FinalRequestOptions

import stepfun_compat
from stepfun_compat import Settings, stock
from tests.support.wire import KEY, Wire, completion

OURS = os.path.dirname(stepfun_compat.__file__)
URL = "https://api.stepfun.ai/v1"

# Functions of this package that one warm call with two messages runs: 138 to 145 measured, with some margin.
BUDGET = 160
if "security" not in FinalRequestOptions.model_fields:
    BUDGET += (
        10  # SDKs that read the client's `auth_headers` and `custom_auth` for each request: 164 measured with 1.109
    )
if "follow_redirects" not in FinalRequestOptions.model_fields:
    BUDGET += 10  # SDKs without per-request redirect options: an event hook checks each hop of a redirect
# ... and for each further message of a history of plain ones: three, measured.
PER_MESSAGE = 3
# All functions a call runs, including those of the SDK and the HTTP library, as a share of the plain client's:
# measured 0.45 with two messages, 0.05 with fifty, 0.02 with two hundred (less with openai 1.66).
SHARES = {2: 0.55, 50: 0.08, 200: 0.04}


def functions(work: Callable[[], Any]) -> tuple[int, int]:
    """Return (all Python functions called, this package's functions), after a few warm-up calls."""
    for _ in range(3):
        work()
    counts = [0, 0]

    def look(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            counts[0] += 1
            counts[1] += frame.f_code.co_filename.startswith(OURS)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counts[0], counts[1]


def history(count: int) -> list[Any]:
    return [{"role": ("user", "assistant")[i % 2], "content": f"message {i}"} for i in range(count)]


def call(client: Any, count: int) -> Callable[[], Any]:
    given = history(count)
    return lambda: client.chat.completions.create(model="step-3.7-flash", messages=given)


def plain(wire: Wire) -> Any:
    import httpx

    transport = httpx.MockTransport(wire)
    return stock.OpenAI(api_key=KEY, base_url=URL, http_client=httpx.Client(transport=transport))


@pytest.mark.parametrize("count", SHARES)
def test_call_runs_fewer_functions_than_the_plain_client(count: int) -> None:
    wire = Wire(completion())
    theirs, _ = functions(call(plain(wire), count))
    ours, own = functions(call(wire.client(), count))
    assert ours < theirs * SHARES[count], (ours, theirs)
    assert own <= BUDGET + PER_MESSAGE * count, own


def test_own_functions_do_not_grow_with_a_history_of_plain_messages() -> None:
    client = Wire(completion()).client()
    _, few = functions(call(client, 2))
    _, many = functions(call(client, 202))
    assert few <= BUDGET
    assert many - few <= 200 * PER_MESSAGE, (few, many)


def test_cache_bookkeeping_does_not_grow_with_the_history() -> None:
    client = Wire(completion()).client(settings=Settings(prompt_cache_key="session"))

    def bookkeeping(count: int) -> int:
        seen = 0

        def look(frame: Any, event: str, _: Any) -> None:
            nonlocal seen
            seen += event == "call" and frame.f_code.co_filename.endswith(("prompt_cache.py", "extras.py", "prefix.py"))

        work = call(client, count)
        work()
        sys.setprofile(look)
        try:
            work()
        finally:
            sys.setprofile(None)
        return seen

    assert 0 < bookkeeping(2) == bookkeeping(300) <= 8


def test_without_the_fast_path_a_call_costs_what_the_sdk_costs() -> None:
    wire = Wire(completion())
    theirs, _ = functions(call(plain(wire), 50))
    ours, _ = functions(call(wire.client(settings=Settings(fast_path=False)), 50))
    assert theirs < ours < theirs * 1.1
