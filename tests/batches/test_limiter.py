"""The rate window of an account: its arithmetic, and its storage shared by workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import Settings
from stepfun_compat.batches import workspace
from stepfun_compat.batches.engine import Worker
from stepfun_compat.batches.limiter import MOST_CONCURRENCY, Rate, SharedWindow, Window, WindowPlace
from stepfun_compat.batches.records import BatchError
from stepfun_compat.batches.redis.window import RedisWindow
from stepfun_compat.batches.sending import Sent
from stepfun_compat.batches.service import BatchService
from stepfun_compat.batches.sqlite_journal import SqliteJournal
from tests.support.batches import jsonl, line


def test_the_tier_limits_concurrent_requests() -> None:
    window = Window(Rate(concurrency=5))
    assert window.take("a", 3, 10, 0.0) == (3, 0.0)
    assert window.take("b", 10, 10, 0.0)[0] == 2
    assert window.take("b", 1, 10, 0.0)[0] == 0
    window.done("a", 2, 0.0)
    assert window.take("b", 10, 10, 0.0)[0] == 2


def test_a_burst_of_429s_halves_the_window_and_pauses_all_workers_once() -> None:
    window = Window(Rate(concurrency=40))
    window.take("a", 40, 0, 0.0)
    for _ in range(40):
        window.done("a", 1, 1.0, limited=True)
    assert window.size == 20
    assert window.take("b", 1, 0, 1.5)[0] == 0
    count, _ = window.take("b", 40, 0, 2.1)
    assert count == 20
    window.done("b", 1, 2.2, limited=True, retry_after=7.0)
    assert window.take("b", 1, 0, 9.0) == (0, pytest.approx(0.2))
    for second in range(1000):
        window.done("b", 1, 20.0 + second)
    assert window.size == 40, "responses grow it again, up to the tier's limit"


def test_pauses_double_without_responses_between_them() -> None:
    window, now, pauses = Window(Rate(concurrency=8)), 0.0, list[float]()
    for _ in range(9):
        window.take("a", 1, 0, now)
        window.done("a", 1, now, limited=True)
        pauses.append(window.cool_until - now)
        now = window.cool_until
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    window.done("a", 1, now + 3600, limited=True)
    assert window.cooling == 1, "the last 429 was an hour ago"


def test_occasional_429s_among_responses_do_not_lengthen_the_pauses() -> None:
    window, now, sent, limited = Window(Rate(concurrency=400, rpm=10_000)), 0.0, 0, 0
    while sent < 10_000:
        count, wait = window.take("a", 400, 0, now)
        now += 0.02 if count else wait
        for _ in range(count):
            sent += 1
            window.done("a", 1, now, limited=sent % 250 == 0)
            limited += sent % 250 == 0
    assert limited == 40
    assert now < 120, "the tier allows 60 seconds, and each of the 40 pauses takes one"


def test_an_account_without_a_tier_starts_low_and_grows() -> None:
    window = Window(Rate())
    assert window.take("a", 100, 0, 0.0)[0] == 5
    for second in range(100_000):
        window.done("a", 1, float(second))
    assert window.size == MOST_CONCURRENCY


@pytest.mark.parametrize(("rate", "tokens"), [(Rate(rpm=600), 0), (Rate(tpm=600_000), 1000)])
def test_requests_and_tokens_per_minute_are_limited(rate: Rate, tokens: int) -> None:
    window, now, sent = Window(rate, size=1000.0), 100.0, 0
    while now < 160.0:
        count, wait = window.take("a", 16, tokens, now)
        window.done("a", count, now)
        sent += count
        now += max(wait, 0.001)
    assert 595 <= sent <= 611, "ten per second, with a burst of one second"


def test_the_slots_of_a_silent_worker_expire() -> None:
    window = Window(Rate(concurrency=4))
    assert window.take("dead", 4, 0, 0.0, alive=60.0)[0] == 4
    assert window.take("a", 4, 0, 59.0)[0] == 0
    assert window.take("a", 4, 0, 61.0)[0] == 4


@pytest.fixture(params=["file", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], WindowPlace]:
    if request.param == "file":
        return lambda: SharedWindow(tmp_path, "account", Rate(concurrency=6))
    url = request.getfixturevalue("redis_url")
    return lambda: RedisWindow(url, tmp_path.name + str(id(tmp_path)), Rate(concurrency=6))


def test_two_workers_share_one_window(place: Callable[[], WindowPlace], tmp_path: Path) -> None:
    """Two journals and one account, as on two machines."""
    now = most = 0

    async def sender(path: str, body: Mapping[str, Any]) -> Sent:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return Sent(200, "r", json.dumps({"model": "m"}))

    async def main() -> None:
        runs: list[Any] = []
        for name in ("one", "two"):
            journal = SqliteJournal(tmp_path / name)
            service = BatchService(journal, "s")
            file = service.create_file("in.jsonl", [jsonl(line(i) for i in range(40))])
            fields = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "1h"}
            service.create(fields)
            runs.append(Worker(journal, sender, place(), space="s").run())
        await asyncio.gather(*runs)

    asyncio.run(main())
    assert most == 6
    with place().open() as window:
        assert not any(count for count, _ in window.flights.values())


def test_redis_state_selects_a_window_on_redis(redis_url: str, tmp_path: Path) -> None:
    settings = Settings(state=redis_url, tier="V1")
    window = workspace.window_of(settings, tmp_path, "key", "https://api.stepfun.ai/v1")
    assert isinstance(window, RedisWindow)
    with window.open() as open_window:
        assert open_window.rate.concurrency == 20
        open_window.size = 3.0
    with workspace.window_of(settings, tmp_path, "key", "https://api.stepfun.ai/v1").open() as again:
        assert again.size == 3.0
    with workspace.window_of(settings, tmp_path, "other", "https://api.stepfun.ai/v1").open() as other:
        assert other.size == 20.0


def test_an_unavailable_redis_server_raises_with_the_fix() -> None:
    pytest.importorskip("redis")
    with (
        pytest.raises(BatchError, match=r"Redis server of STEPFUN_STATE.*batch resume"),
        RedisWindow("redis://127.0.0.1:1/0", "a", Rate()).open(),
    ):
        pass


def test_all_users_of_an_account_share_one_window(tmp_path: Path) -> None:
    """Users of `serve` have separate namespaces and share one key."""
    for space in ("one", "two"):
        settings = Settings(state_namespace=space, batch_concurrency=7)
        with workspace.window_of(settings, tmp_path, "key", "https://api.stepfun.ai/v1").open() as window:
            taken = window.take(space, 5, 0, 0.0)[0]
    assert taken == 2
