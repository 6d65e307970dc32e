"""`patch()` rebinds names and nothing else; `unpatch()` puts every one back."""

from __future__ import annotations

import abc
import inspect
import pickle
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import launch, module_client, stock

from ..wire import Wire

NAMES = ("OpenAI", "AsyncOpenAI", "Client", "AsyncClient", "AzureOpenAI", "AsyncAzureOpenAI")


@pytest.fixture
def library() -> Iterator[ModuleType]:
    """A library that imported openai's class before anything was patched."""
    module = ModuleType("early_bird_library")
    module.OpenAI = openai.OpenAI  # type: ignore[attr-defined]
    module.something = object()  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


@pytest.fixture(autouse=True)
def unpatched() -> Iterator[None]:
    yield
    launch.unpatch()


def snapshot() -> dict[tuple[str, str], Any]:
    return {
        (name, attribute): value
        for name in ("openai", "openai._client", "openai.lib.azure")
        for attribute, value in list(vars(sys.modules[name]).items())
        if issubclass(type(value), type) or attribute == "_load_client"
    }


def test_patch_and_unpatch_restore_everything(library: ModuleType) -> None:
    before = snapshot()
    stepfun_compat.patch()
    stepfun_compat.patch()
    assert openai.OpenAI is stepfun_compat.OpenAI
    assert openai.AsyncAzureOpenAI is stepfun_compat.AsyncAzureOpenAI
    assert sys.modules["openai._client"].OpenAI is stepfun_compat.OpenAI
    assert library.OpenAI is stepfun_compat.OpenAI
    assert stock.OpenAI is before["openai", "OpenAI"]
    assert launch.is_patched()
    stepfun_compat.unpatch()
    stepfun_compat.unpatch()
    assert snapshot() == before
    assert library.OpenAI is before["openai", "OpenAI"]
    assert not launch.is_patched()


def test_stock_classes_are_never_changed() -> None:
    before = {name: dict(vars(getattr(openai, name))) for name in NAMES}
    classes = {name: getattr(openai, name) for name in NAMES}
    stepfun_compat.patch()
    for name, cls in classes.items():
        assert dict(vars(cls)) == before[name]


def test_instance_checks_hold_for_stock_and_for_ours() -> None:
    theirs = stock.OpenAI(api_key="k", base_url="https://other.example/v1")
    assert not isinstance(theirs, stepfun_compat.OpenAI)
    stepfun_compat.patch()
    ours = openai.OpenAI(api_key="k")
    assert isinstance(theirs, openai.OpenAI)
    assert isinstance(ours, openai.OpenAI)
    assert isinstance(ours, stock.OpenAI)
    assert not isinstance(object(), openai.OpenAI)
    assert not isinstance(theirs, openai.AsyncOpenAI)

    class Mine(openai.OpenAI):
        pass

    assert not isinstance(theirs, Mine)
    assert isinstance(Mine(api_key="k"), stepfun_compat.OpenAI)


def test_subclass_checks_and_abstract_subclasses() -> None:
    class Before(stock.OpenAI):
        pass

    stepfun_compat.patch()
    assert issubclass(Before, openai.OpenAI)
    assert issubclass(stock.OpenAI, openai.OpenAI)
    assert not issubclass(stock.AsyncOpenAI, openai.OpenAI)

    class Abstract(openai.OpenAI, abc.ABC):
        @abc.abstractmethod
        def ask(self) -> str: ...

    class Concrete(Abstract):
        def ask(self) -> str:
            return "asked"

    with pytest.raises(TypeError, match="abstract"):
        Abstract(api_key="k")  # type: ignore[abstract]
    assert Concrete(api_key="k").ask() == "asked"
    assert not issubclass(stock.OpenAI, Abstract)
    stepfun_compat.unpatch()
    assert not issubclass(stock.OpenAI, stepfun_compat.OpenAI)
    assert not issubclass(Before, stepfun_compat.OpenAI)


def test_names_signatures_and_pickles_are_as_before() -> None:
    before = {name: getattr(openai, name) for name in NAMES}
    stepfun_compat.patch()
    for name, theirs in before.items():
        ours = getattr(openai, name)
        assert ours.__name__ == theirs.__name__
        assert pickle.loads(pickle.dumps(ours)) is ours
        signature = inspect.signature(ours).parameters
        missing = set(inspect.signature(theirs).parameters) - set(signature)
        taken = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.values())
        assert taken or not missing


def test_proxies_of_other_libraries_are_not_woken() -> None:
    class Sleeping:
        @property
        def __class__(self) -> Any:  # type: ignore[override]
            raise AssertionError("woken")

    module = ModuleType("module_with_a_proxy")
    module.proxy = Sleeping()  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    try:
        stepfun_compat.patch()
        assert launch.is_patched()
    finally:
        del sys.modules[module.__name__]


def test_module_level_client_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    monkeypatch.setattr(openai, "api_key", "module-key")
    monkeypatch.setattr(openai, "http_client", httpx.Client(transport=httpx.MockTransport(wire)))
    stepfun_compat.patch()
    try:
        openai.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    finally:
        module_client.reset(openai)
    assert wire.body["model"] == "step-3.7-flash"
    assert wire.request.headers["authorization"] == "Bearer module-key"


def test_another_vendors_client_stays_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "the-stepfun-key")
    wire = Wire()
    stepfun_compat.patch()
    client = openai.OpenAI(
        api_key="theirs",
        base_url="http://localhost:11434/v1",
        http_client=httpx.Client(transport=httpx.MockTransport(wire)),
    )
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}], seed=1)
    assert wire.body == {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "seed": 1}
    assert wire.request.headers["authorization"] == "Bearer theirs"


def test_a_name_somebody_else_has_bound_since_is_left_alone() -> None:
    before = openai.OpenAI
    stepfun_compat.patch()

    class Wrapped(openai.OpenAI):
        pass

    openai.OpenAI = Wrapped  # type: ignore[misc]
    try:
        stepfun_compat.unpatch()
        assert openai.OpenAI is Wrapped
    finally:
        openai.OpenAI = before  # type: ignore[misc]


def test_notebook_extension() -> None:
    stepfun_compat.load_ipython_extension(None)
    assert openai.OpenAI is stepfun_compat.OpenAI
    stepfun_compat.unload_ipython_extension(None)
    assert openai.OpenAI is stock.OpenAI
