"""`patch()` rebinds names and nothing else; `unpatch()` restores every one."""

from __future__ import annotations

import abc
import functools
import importlib
import inspect
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import httpx
import openai
import pydantic
import pytest

import stepfun_compat
from stepfun_compat import launch, module_client, stock
from tests.support.wire import Wire

NAMES = ("OpenAI", "AsyncOpenAI", "Client", "AsyncClient", "AzureOpenAI", "AsyncAzureOpenAI")


@pytest.fixture
def library() -> Iterator[ModuleType]:
    """A library that imported openai's class before `patch()`."""
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


def test_isinstance_works_for_stock_and_patched_classes() -> None:
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


def test_names_signatures_and_pickles_are_unchanged() -> None:
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


def test_lazy_proxies_of_other_libraries_are_not_resolved() -> None:
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


def test_client_of_another_vendor_stays_stock(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_name_rebound_by_others_is_unchanged() -> None:
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


LATER = """
from openai import OpenAI, AsyncOpenAI as Later
import openai as whole
class Mine(OpenAI): pass
"""
CHOSEN = """
from stepfun_compat import (
    AsyncOpenAI,
    OpenAI as Ours,
)
from openai import OpenAI
Assigned = stepfun_compat.AzureOpenAI if (stepfun_compat := __import__("stepfun_compat")) else None
"""


def test_names_imported_while_patched_are_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_later.py").write_text(LATER, encoding="utf-8")
    (tmp_path / "chosen_by_itself.py").write_text(CHOSEN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("imported_later", "chosen_by_itself"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    stepfun_compat.patch()
    later, chosen = (importlib.import_module(name) for name in ("imported_later", "chosen_by_itself"))
    assert later.OpenAI is later.whole.OpenAI is chosen.OpenAI is stepfun_compat.OpenAI
    stepfun_compat.unpatch()
    assert later.OpenAI is chosen.OpenAI is stock.OpenAI
    assert later.Later is stock.AsyncOpenAI
    assert chosen.Ours is stepfun_compat.OpenAI
    assert chosen.AsyncOpenAI is stepfun_compat.AsyncOpenAI
    assert chosen.Assigned is stepfun_compat.AzureOpenAI
    assert later.Mine.__mro__[1] is stepfun_compat.OpenAI, "a base class does not change"


def test_names_bound_to_our_class_before_stay(library: ModuleType) -> None:
    library.Chosen = stepfun_compat.OpenAI  # type: ignore[attr-defined]
    stepfun_compat.patch()
    stepfun_compat.unpatch()
    assert library.Chosen is stepfun_compat.OpenAI
    assert library.OpenAI is stock.OpenAI


def test_notebook_names_are_restored(library: ModuleType) -> None:
    library.In = ["", "%load_ext stepfun_compat", "from openai import OpenAI", "from stepfun_compat import AsyncOpenAI"]  # type: ignore[attr-defined]
    stepfun_compat.patch()
    library.OpenAI, library.AsyncOpenAI = openai.OpenAI, stepfun_compat.AsyncOpenAI  # type: ignore[attr-defined]
    stepfun_compat.unpatch()
    assert library.OpenAI is stock.OpenAI
    assert library.AsyncOpenAI is stepfun_compat.AsyncOpenAI


def test_modules_that_refuse_assignments_are_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    module = Stubborn("stubborn_library")
    vars(module)["OpenAI"] = openai.OpenAI
    monkeypatch.setitem(sys.modules, module.__name__, module)
    stepfun_compat.patch()
    assert module.OpenAI is stepfun_compat.OpenAI
    stepfun_compat.unpatch()
    assert module.OpenAI is stock.OpenAI


def test_unhashable_classes_are_ignored(library: ModuleType) -> None:
    class Meta(type):
        def __eq__(cls, other: object) -> bool:
            raise AssertionError("asked")

        __hash__ = None  # type: ignore[assignment]

    library.Odd = Meta("Odd", (), {})  # type: ignore[attr-defined]
    stepfun_compat.patch()
    assert library.OpenAI is stepfun_compat.OpenAI
    stepfun_compat.unpatch()
    assert library.OpenAI is stock.OpenAI


def test_concurrent_and_repeated_patching() -> None:
    before = snapshot()
    for _ in range(3):
        threads = [threading.Thread(target=stepfun_compat.patch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert openai.OpenAI is stepfun_compat.OpenAI
        threads = [threading.Thread(target=stepfun_compat.unpatch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert snapshot() == before


# ---------------------------------------------------------------- changes programs and their tests make to openai


def asked(client: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])


def test_mock_patch_of_classes_and_methods_works() -> None:
    stepfun_compat.patch()
    with mock.patch("openai.OpenAI") as fake:
        assert openai.OpenAI(api_key="k") is fake.return_value
        assert openai.OpenAI is not stepfun_compat.OpenAI
    assert openai.OpenAI is stepfun_compat.OpenAI
    client = openai.OpenAI(api_key="k")
    for target in (
        "openai.resources.chat.completions.Completions.create",
        "openai.resources.chat.completions.completions.Completions.create",
    ):
        with mock.patch(target, return_value="mocked") as create:
            assert asked(client) == "mocked"
            assert create.call_args.kwargs["model"] == "gpt-4o"
    with mock.patch.object(client.chat.completions, "create", return_value="mocked"):
        assert asked(client) == "mocked"
    if hasattr(stock.OpenAI, "chat"):  # older SDKs set it on each client
        with mock.patch("openai.OpenAI.chat") as chat:
            assert asked(openai.OpenAI(api_key="k")) is chat.completions.create.return_value
    with mock.patch.object(openai.OpenAI, "request", return_value="mocked"):
        assert asked(client) == "mocked"
    with mock.patch("openai._base_client.SyncAPIClient.post", return_value="mocked"):
        assert asked(openai.OpenAI(api_key="k")) == "mocked"
    fake = mock.create_autospec(openai.OpenAI, instance=True)
    assert isinstance(fake, openai.OpenAI)
    assert isinstance(mock.Mock(spec=stock.OpenAI), openai.OpenAI)
    assert isinstance(mock.Mock(spec=openai.OpenAI), stock.OpenAI)
    stepfun_compat.unpatch()
    assert openai.OpenAI is stock.OpenAI


def test_changed_constructor_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    stepfun_compat.patch()
    original = openai.OpenAI.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **{"timeout": 4.5, **kwargs})

    monkeypatch.setattr(openai.OpenAI, "__init__", init)
    wire = Wire()
    client = openai.OpenAI(api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(wire)))
    assert client.timeout == 4.5
    asked(client.with_options(max_retries=0))
    assert wire.body["model"] == "step-3.7-flash"


def test_replaced_constructor_is_used() -> None:
    class Fake(stock.OpenAI):
        def __init__(self) -> None:
            pass

    class Ours(stepfun_compat.OpenAI):
        def __init__(self) -> None:
            pass

    names = [name for name in ("chat", "responses", "beta", "models", "audio", "realtime") if hasattr(Fake(), name)]
    assert all(type(getattr(Ours(), name)).__name__ == type(getattr(Fake(), name)).__name__ for name in names)
    stepfun_compat.patch()
    with mock.patch.object(openai.OpenAI, "__init__", return_value=None):
        client = openai.OpenAI(api_key="k")
        client.chat = mock.Mock()
        assert asked(client) is client.chat.completions.create.return_value


def test_pydantic_annotations_accept_both_classes() -> None:
    class Before(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        client: openai.OpenAI

    stepfun_compat.patch()

    class After(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        client: openai.OpenAI
        other: openai.AsyncOpenAI | None = None

    ours, theirs = openai.OpenAI(api_key="k"), stock.OpenAI(api_key="k", base_url="https://other.example/v1")
    for model in (Before, After):
        assert model(client=ours).client is ours
        assert model(client=theirs).client is theirs
        with pytest.raises(pydantic.ValidationError):
            model(client=object())
    with pytest.raises(pydantic.ValidationError):
        After(client=ours, other=ours)
    stepfun_compat.unpatch()
    assert Before(client=ours).client is ours


def test_singledispatch_accepts_both_classes() -> None:
    @functools.singledispatch
    def kind(client: Any) -> str:
        return "something"

    kind.register(stock.OpenAI, lambda client: "sync")
    kind.register(stock.AsyncOpenAI, lambda client: "async")
    stepfun_compat.patch()
    assert kind(openai.OpenAI(api_key="k")) == "sync"
    assert kind(openai.AsyncAzureOpenAI(api_key="k", azure_endpoint="https://api.stepfun.ai")) == "async"
    assert kind(3) == "something"


def test_notebook_extension_patches_and_unpatches() -> None:
    stepfun_compat.load_ipython_extension(None)
    assert openai.OpenAI is stepfun_compat.OpenAI
    stepfun_compat.unload_ipython_extension(None)
    assert openai.OpenAI is stock.OpenAI
