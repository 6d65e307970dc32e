"""The resources of a client's batches: folder, journal, rate limiter, prices, and the background worker."""

from __future__ import annotations

import contextlib
import inspect
import os
import threading
from collections.abc import AsyncGenerator, Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import state
from ..account import tier_of
from ..settings import Settings
from .journal import Journal
from .limiter import Rate, SharedWindow, WindowPlace
from .records import Tokens
from .sqlite_journal import SqliteJournal

if TYPE_CHECKING:
    import openai

    from .background import Background, MakeSender
    from .sending import Sender

FALLBACKS: Final = {"/v1/embeddings": "embeddings", "/v1/moderations": "moderations"}
"""Endpoints of batches that StepFun does not serve -> the resource that `Settings.fallback` can route elsewhere."""

_journals: dict[str, Journal] = {}
_workers: dict[tuple[str, str, str], Background] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    _workers.clear()
    _journals.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def folder_of(settings: Settings) -> Path:
    """The folder of the journal: `batch_dir`, else the folder of the state's SQLite file, else the user's data folder."""
    if settings.batch_dir:
        return Path(settings.batch_dir)
    scheme, _, rest = settings.state.partition("://")
    path = rest.removeprefix("/")
    if scheme == "sqlite" and path and path != ":memory:":
        return Path(os.path.abspath(path)).parent / "batches"
    data = os.environ.get("XDG_DATA_HOME", "").strip()
    return (Path(data) if data else Path.home() / ".local" / "share") / "stepfun_compat" / "batches"


def has_journal(settings: Settings) -> bool:
    """Whether the folder of the settings has a journal."""
    return (folder_of(settings) / ("journal.id" if _on_redis(settings) else "journal.db")).exists()


def journal_of(settings: Settings) -> Journal:
    """The journal of the settings' folder, shared by all clients and threads of this process.

    Raises:
        BatchError: the folder is not writable, the file is damaged or not a journal, or the Redis server is unavailable.
    """
    folder = folder_of(settings)
    name = f"{folder} {settings.state if _on_redis(settings) else ''}"
    with _lock:
        journal = _journals.get(name)
        if journal is None or not has_journal(settings):
            journal = _journals[name] = _opened_journal(settings, folder)
        return journal


def _opened_journal(settings: Settings, folder: Path) -> Journal:
    if _on_redis(settings):
        from .redis.journal import RedisJournal

        return RedisJournal(folder, settings.state)
    return SqliteJournal(folder)


def _on_redis(settings: Settings) -> bool:
    return settings.state.startswith(("redis://", "rediss://"))


def rate_of(settings: Settings, base_url: str) -> Rate:
    """The limits of the account, from `Settings.tier` and the catalog's tables; `batch_concurrency` overrides them.

    Raises:
        SettingsError: the platform has no such tier.
    """
    row = tier_of(settings, base_url)
    rate = Rate() if row is None else Rate(row.concurrency, row.rpm, row.tpm)
    if settings.batch_concurrency is not None:
        rate = Rate(settings.batch_concurrency, rate.rpm, rate.tpm)
    return rate


def window_of(settings: Settings, folder: Path, key: str, base_url: str) -> WindowPlace:
    """The rate limiter of a key and host, shared on this machine or among all machines of a Redis server."""
    account, rate = state.namespace(None, key, base_url), rate_of(settings, base_url)
    if _on_redis(settings):
        from .redis.window import RedisWindow

        return RedisWindow(settings.state, account, rate)
    return SharedWindow(folder, account, rate)


def pricing(settings: Settings) -> Callable[[str | None, Tokens], float]:
    """Return a function that computes the cost of a model's tokens at list prices; 0 for a model without a price."""

    @lru_cache(maxsize=64)
    def price(model: str) -> Any:
        from ..prices import price_of

        return price_of(model, settings).tokens

    def cost(model: str | None, tokens: Tokens) -> float:
        row = price(model) if model else None
        if row is None:
            return 0.0
        cached = min(tokens.cached, tokens.input)
        return ((tokens.input - cached) * row.input + cached * row.cached + tokens.output * row.output) / 1_000_000

    return cost


def serves(settings: Settings) -> Callable[[str], bool]:
    """Return a function that checks whether StepFun or another provider serves an endpoint."""
    return lambda endpoint: endpoint not in FALLBACKS or FALLBACKS[endpoint] in settings.fallback


def async_client(settings: Settings, key: Any, base_url: str, **options: Any) -> openai.AsyncOpenAI:
    """The async client that sends batches, without the SDK's retries."""
    from ..client import AsyncOpenAI

    async def provided() -> str:
        value = key()
        return await value if inspect.isawaitable(value) else value

    return AsyncOpenAI(
        api_key=provided if callable(key) else key, base_url=base_url, settings=settings, max_retries=0, **options
    )


@contextlib.asynccontextmanager
async def own_sender(make_client: Callable[[], openai.AsyncOpenAI]) -> AsyncGenerator[Sender, None]:
    """A sender with an async client that is created for the worker and closed with it."""
    from .sending import AsyncSender

    async with make_client() as client:
        yield AsyncSender(client)


@contextlib.asynccontextmanager
async def callers_sender(sender: Sender) -> AsyncGenerator[Sender, None]:
    """A sender with a client that the caller owns and closes."""
    yield sender


def work_in_background(space: str, settings: Settings, key: str, base_url: str, make_sender: MakeSender) -> Background:
    """Ensure that a worker processes the open batches of a namespace."""
    from .background import Background

    folder, journal = folder_of(settings), journal_of(settings)
    with _lock:
        worker = _workers.get((str(folder), space, base_url))
        if worker is None or worker.journal is not journal:
            window = window_of(settings, folder, key, base_url)
            worker = _workers[str(folder), space, base_url] = Background(journal, space, window, pricing(settings))
    worker.start(make_sender)
    return worker
