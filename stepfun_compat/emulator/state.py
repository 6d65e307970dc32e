"""The emulator's state: requests, scripts, faults, limits, cache and files. It is shared between threads."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from typing_extensions import override

from . import faults
from .api.multipart import Upload
from .catalog import TIERS
from .config import EmulatorConfig
from .faults import Fault
from .json_values import Object, as_object
from .model.prefix_cache import PrefixCache
from .redaction import redacted

MOST_REQUESTS = 10_000
MOST_REQUEST_BYTES = 256 * 1024 * 1024
"""How many requests, and how many bytes of their bodies, are kept for inspection."""


@dataclass(repr=False)
class RecordedRequest:
    """One received request. Header names are lower case; `json` is None if the body is not JSON."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes
    json: Any = None
    form: dict[str, list[str]] = field(default_factory=lambda: cast("dict[str, list[str]]", {}))
    files: dict[str, list[Upload]] = field(default_factory=lambda: cast("dict[str, list[Upload]]", {}))
    status: int | None = None
    """The response status; None until the response starts."""

    @override
    def __repr__(self) -> str:
        return f"RecordedRequest({self.as_json()})"

    def as_json(self) -> Object:
        """Return the request as JSON, with secrets redacted."""
        files = {
            name: [{"filename": item.filename, "content_type": item.content_type, "bytes": len(item.content)}]
            for name, items in self.files.items()
            for item in items
        }
        return {
            "method": self.method,
            "path": self.path,
            "headers": redacted(self.headers),
            "query": redacted(self.query),
            "json": self.json,
            "form": self.form,
            "files": files,
            "status": self.status,
        }


@dataclass
class _Holding:
    loop: asyncio.AbstractEventLoop
    event: asyncio.Event


class Engine:
    """The state of an app. All methods are thread-safe."""

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self._base = config or EmulatorConfig()
        self._lock = threading.Condition()
        self.config = self._base
        self.cache = PrefixCache()
        self._requests: deque[RecordedRequest] = deque()
        self._request_bytes = 0
        self._script: deque[Any] = deque()
        self._faults: list[tuple[Fault, list[int]]] = []
        self._header_counts: dict[str, int] = {}
        self._active: dict[str, int] = {}
        self._minute: deque[float] = deque()
        self._holding: list[_Holding] = []
        self._serial = 0
        self.store: dict[str, Any] = {}
        """Files, vector stores, voices and tasks, each endpoint under its own name."""

    def reset(self) -> None:
        """Reset the configuration, discard requests, scripts, faults, cache and files, and release held requests."""
        self.release()
        with self._lock:
            self.config = self._base
            self.cache.clear()
            self._requests.clear()
            self._request_bytes = 0
            self._script.clear()
            self._faults.clear()
            self._header_counts.clear()
            self._minute.clear()
            self.store.clear()

    def configure(self, changes: Mapping[str, Any]) -> EmulatorConfig:
        with self._lock:
            self.config = replace(self.config, **changes)
            return self.config

    @property
    def lock(self) -> threading.Condition:
        return self._lock

    def now(self) -> int:
        return int(self.config.clock())

    def new_id(self, digits: int = 32) -> str:
        """Return a new id in hex. The sequence of ids is the same in each run."""
        with self._lock:
            self._serial += 1
            serial = self._serial
        return hashlib.sha256(f"emulator-{serial}".encode()).hexdigest()[:digits]

    # -- requests ------------------------------------------------------------------------------------------------

    def record(self, request: RecordedRequest) -> None:
        """Record a request, and discard the oldest ones above the limits."""
        with self._lock:
            self._requests.append(request)
            self._request_bytes += len(request.body)
            while len(self._requests) > 1 and (
                len(self._requests) > MOST_REQUESTS or self._request_bytes > MOST_REQUEST_BYTES
            ):
                self._request_bytes -= len(self._requests.popleft().body)
            self._lock.notify_all()

    @property
    def requests(self) -> list[RecordedRequest]:
        with self._lock:
            return list(self._requests)

    def clear_requests(self) -> None:
        with self._lock:
            self._requests.clear()
            self._request_bytes = 0

    # -- scripts and faults --------------------------------------------------------------------------------------

    def script(self, *replies: Any) -> None:
        with self._lock:
            self._script.extend(replies)

    def next_scripted(self) -> Any:
        with self._lock:
            return self._script.popleft() if self._script else None

    @property
    def scripted(self) -> int:
        with self._lock:
            return len(self._script)

    def fault(self, item: Fault) -> None:
        with self._lock:
            self._faults.append((item, [0]))

    def next_fault(self, method: str, path: str, headers: Mapping[str, str]) -> Fault | None:
        """Return and count the fault for a request: the header's, else the oldest queued one that matches."""
        text = headers.get("x-emulator-fault")
        if text:
            item = faults.parse(text)
            if item.matches(method, path):
                with self._lock:
                    retries = headers.get("x-stainless-retry-count", "")
                    if retries.isdigit():
                        # The SDK sends the number of the attempt, so the same header works for every call.
                        used = int(retries)
                    else:
                        used = self._header_counts.get(text, 0)
                        self._header_counts[text] = used + 1
                if item.times is None or used < item.times:
                    return item
        with self._lock:
            for place, (item, used_up) in enumerate(self._faults):
                if not item.matches(method, path):
                    continue
                used_up[0] += 1
                if item.times is not None and used_up[0] >= item.times:
                    del self._faults[place]
                return item
        return None

    # -- holding -------------------------------------------------------------------------------------------------

    def hold(self) -> asyncio.Event:
        """Return an event that `release()` sets. Call this in the server's event loop."""
        event = asyncio.Event()
        with self._lock:
            self._holding.append(_Holding(asyncio.get_running_loop(), event))
            self._lock.notify_all()
        return event

    def release(self) -> int:
        """Release all held requests and return their number."""
        with self._lock:
            held, self._holding = self._holding, []
        for item in held:
            if not item.loop.is_closed():
                item.loop.call_soon_threadsafe(item.event.set)
        return len(held)

    def end_hold(self, event: asyncio.Event) -> None:
        with self._lock:
            self._holding = [item for item in self._holding if item.event is not event]
            self._lock.notify_all()

    @property
    def held(self) -> int:
        with self._lock:
            return len(self._holding)

    # -- limits (stepfun-api 9.3) --------------------------------------------------------------------------------

    def enter(self, channel: str) -> tuple[str, int, int] | None:
        """Count a request, or return the limit it exceeds: ("concurrency" or "rpm", current, limit)."""
        with self._lock:
            concurrency, rpm = self._limits(channel)
            if rpm is not None and self._last_minute() >= rpm:
                return ("rpm", self._last_minute() + 1, rpm)
            active = self._active.get(channel, 0)
            if concurrency is not None and active >= concurrency:
                return ("concurrency", active + 1, concurrency)
            if rpm is not None:
                self._minute.append(self.config.clock())
            self._active[channel] = active + 1
            return None

    def _limits(self, channel: str) -> tuple[int | None, int | None]:
        """Return concurrency and requests per minute of a channel; None: no limit."""
        config = self.config
        if channel == "plan":
            return config.plan_concurrency, None
        return (None, None) if config.tier is None else TIERS[config.region][config.tier]

    def _last_minute(self) -> int:
        """Return the number of requests on the standard channel in the last minute."""
        now = self.config.clock()
        while self._minute and self._minute[0] <= now - 60:
            self._minute.popleft()
        return len(self._minute)

    def leave(self, channel: str) -> None:
        with self._lock:
            self._active[channel] = max(0, self._active.get(channel, 0) - 1)
            self._lock.notify_all()

    @property
    def active(self) -> int:
        """The number of metered requests being answered."""
        with self._lock:
            return sum(self._active.values())

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for a condition, outside the server's thread. Return False after `timeout` seconds."""
        with self._lock:
            return self._lock.wait_for(condition, timeout)

    # -- storage -------------------------------------------------------------------------------------------------

    def table(self, name: str) -> dict[str, Any]:
        """Return one table of the store, which is created on first use."""
        with self._lock:
            return cast("dict[str, Any]", self.store.setdefault(name, {}))

    def describe(self) -> Object:
        return as_object(self.config.as_json())
