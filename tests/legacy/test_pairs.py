"""The sync and async variants of a method have the same parameters and the correct kind."""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import legacy
from stepfun_compat.legacy import _pairs, embeddings_utils
from stepfun_compat.legacy.api_requestor import APIRequestor

CLASSES = [value for value in vars(legacy).values() if isinstance(value, type) and hasattr(value, "OBJECT_NAME")]


def pairs() -> list[tuple[str, Any, Any]]:
    owners: list[Any] = [*CLASSES, legacy.Moderation, legacy.Customer, APIRequestor, embeddings_utils]
    found: list[tuple[str, Any, Any]] = []
    for owner in owners:
        for name in dir(owner):
            twin = getattr(owner, f"a{name}", None)
            if not name.startswith("_") and twin is not None and callable(getattr(owner, name)):
                found.append((f"{owner.__name__}.{name}", getattr(owner, name), twin))
    return found


PLAIN = {  # in 0.28.1 these return an awaitable but are not coroutine functions
    *("Customer.create", "Moderation.create", "FineTune.cancel", "FineTuningJob.cancel", "Engine.modify"),
    *("Deployment.create", "Deployment.list", "Deployment.delete"),
}


@pytest.mark.parametrize(("name", "called", "awaited"), pairs())
def test_pair_has_the_same_parameters_and_separate_names(name: str, called: Any, awaited: Any) -> None:
    plain = name in PLAIN or name.endswith((".retrieve", ".delete"))
    assert inspect.iscoroutinefunction(awaited) != plain
    assert not inspect.iscoroutinefunction(called)
    assert not inspect.isgeneratorfunction(called)
    assert inspect.signature(called) == inspect.signature(awaited)
    last = name.rpartition(".")[2]
    assert awaited.__name__ == f"a{last}"
    assert awaited.__qualname__.endswith(f"a{last}")
    assert called.__doc__
    assert awaited.__doc__ == f"Async version of `{last}`."


def test_pairs_are_found() -> None:
    names = {name for name, _, _ in pairs()}
    assert {"ChatCompletion.create", "Image.create_edit", "Audio.transcribe", "File.download", "Model.list"} <= names
    assert {"Moderation.create", "stepfun_compat.legacy.embeddings_utils.get_embedding"} <= names


def test_plain_function_raises_for_wrong_arguments_when_called() -> None:
    with pytest.raises(ValueError, match="text-moderation"):
        legacy.Moderation.acreate("text", model="none")
    with pytest.raises(legacy.error.APIError, match="azure"):
        legacy.Deployment.alist(api_type="open_ai")
    with pytest.raises(TypeError, match="other"):
        legacy.Moderation.acreate("text", other=1)  # type: ignore[call-arg]


class Target:
    """Fails twice, then returns its arguments."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def _next(self, kind: str, value: int) -> int:
        self.calls.append(kind)
        if len(self.calls) < 3:
            raise LookupError(value)
        return value

    def get(self, value: int) -> int:
        return self._next("get", value)

    async def aget(self, value: int) -> int:
        return self._next("aget", value)


@_pairs.method
def persistent(target: Target, tries: int) -> Generator[_pairs.Step, Any, int]:
    """Get it."""
    for left in range(tries, 0, -1):
        try:
            return (yield _pairs.step(target, "get", 7))
        except LookupError as problem:
            if left == 1:
                raise RuntimeError("gave up") from problem
        yield _pairs.pause(0.0)
    raise AssertionError("unreachable")


apersistent = _pairs.awaited(persistent)


def test_failed_step_raises_inside_the_flow() -> None:
    target, awaited = Target(), Target()
    assert persistent(target, 3) == asyncio.run(apersistent(awaited, 3)) == 7
    assert target.calls == ["get"] * 3
    assert awaited.calls == ["aget"] * 3
    for attempt in (lambda: persistent(Target(), 2), lambda: asyncio.run(apersistent(Target(), 2))):
        with pytest.raises(RuntimeError, match="gave up") as caught:
            attempt()
        assert isinstance(caught.value.__cause__, LookupError)


def test_cancelled_flow_ends() -> None:
    ended: list[str] = []

    class Slow:
        async def aget(self) -> None:
            await asyncio.Event().wait()

    @_pairs.method
    def flow() -> Generator[_pairs.Step, Any, None]:
        try:
            yield _pairs.step(Slow(), "get")
        finally:
            ended.append("ended")

    async def main() -> None:
        task = asyncio.ensure_future(_pairs.awaited(flow)())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == ["ended"]


def test_no_other_code_is_written_for_sync_and_async() -> None:
    """Other async functions: streams, callbacks of aiohttp and the HTTP client, and waiting."""
    folder = Path(legacy.__file__).parent
    found = {
        f"{file.name}:{node.name}"
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.AsyncFunctionDef)
    }
    assert found == {
        *("_pairs.py:acall", "_pairs.py:asleep", "_pairs.py:arelay"),
        *("_transports.py:aclose", "_transports.py:__aenter__", "_transports.py:__aexit__"),
        "_send.py:read",
        "api_requestor.py:parse_stream_async",
    }
