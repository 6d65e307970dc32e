"""Calls found through names, attributes, functions and files, and evidence against a call."""

from __future__ import annotations

import textwrap

import pytest

from .support import calls, uses

CREATE = "chat.completions.create"

RESOLVED = {
    "a client in a name": "import openai\nc = openai.OpenAI()\nc.chat.completions.create()\n",
    "an alias": "from openai import OpenAI as Model\nc = Model()\nc.chat.completions.create()\n",
    "the module itself": "import openai as ai\nai.chat.completions.create()\n",
    "0.x": "import openai\nopenai.ChatCompletion.create()\n",
    "0.x, async": "from openai import ChatCompletion as C\nasync def f():\n    await C.acreate()\n",
    "several lines": "import openai\nc = openai.OpenAI()\n(c\n .chat\n .completions\n .create())\n",
    "raw": "import openai\nopenai.OpenAI().with_raw_response.chat.completions.create()\n",
    "streamed response": "import openai\nopenai.OpenAI().chat.completions.with_streaming_response.create()\n",
    "a copy": "import openai\nopenai.OpenAI().with_options(timeout=1).chat.completions.create()\n",
    "a walrus": "import openai\nif (c := openai.OpenAI()):\n    c.chat.completions.create()\n",
    "a choice": "import openai\nc = openai.OpenAI() if x else None\nc.chat.completions.create()\n",
    "with": "import openai\nwith openai.OpenAI() as c:\n    c.chat.completions.create()\n",
    "async with": "import openai\nasync def f():\n    async with openai.AsyncOpenAI() as c:\n        await c.chat.completions.create()\n",
    "unpacked": "import openai\na, c = 1, openai.OpenAI()\nc.chat.completions.create()\n",
    "assigned to": "import openai\nopenai.ChatCompletion.create = wrapped\n",
    "replaced on a client": "import openai\nc = openai.OpenAI()\nc.chat.completions.create = wrapped\n",
}


@pytest.mark.parametrize("name", RESOLVED)
def test_call_is_resolved(name: str) -> None:
    assert [target for target, _ in calls(a=RESOLVED[name])] == [CREATE]


INFERRED = {
    "self": "import openai\nclass A:\n    def __init__(self):\n        self.c = openai.OpenAI()\n    def f(self):\n        self.c.chat.completions.create()\n",
    "self from a parameter": "import openai\nclass A:\n    def __init__(self, c):\n        self.c = c\n    def f(self):\n        self.c.chat.completions.create()\nA(openai.OpenAI())\n",
    "an annotated parameter": "import openai\ndef f(c: openai.OpenAI):\n    c.chat.completions.create()\n",
    "a string annotation": "from openai import OpenAI\ndef f(c: 'OpenAI | None'):\n    c.chat.completions.create()\n",
    "an argument": "import openai\ndef f(c):\n    c.chat.completions.create()\nf(openai.OpenAI())\n",
    "a keyword argument": "import openai\ndef f(*, c=None):\n    c.chat.completions.create()\nf(c=openai.OpenAI())\n",
    "a factory": "import openai\ndef make():\n    return openai.OpenAI()\nmake().chat.completions.create()\n",
    "an async factory": "import openai\nasync def make():\n    return openai.AsyncOpenAI()\nasync def f():\n    await (await make()).chat.completions.create()\n",
    "a context manager": "import openai, contextlib\n@contextlib.contextmanager\ndef make():\n    yield openai.OpenAI()\nwith make() as c:\n    c.chat.completions.create()\n",
    "a class with __enter__": "import openai\nclass M:\n    def __enter__(self):\n        return openai.OpenAI()\nwith M() as c:\n    c.chat.completions.create()\n",
    "a property": "import openai\nclass A:\n    @property\n    def c(self):\n        return openai.OpenAI()\n    def f(self):\n        self.c.chat.completions.create()\n",
    "a cached property": "import openai, functools\nclass A:\n    @functools.cached_property\n    def c(self):\n        return openai.OpenAI()\n    def f(self):\n        self.c.chat.completions.create()\n",
    "a class attribute": "import openai\nclass A:\n    c = openai.OpenAI()\n    def f(self):\n        self.c.chat.completions.create()\n",
    "an annotated attribute": "import openai\nclass A:\n    c: openai.OpenAI\n    def f(self):\n        self.c.chat.completions.create()\n",
    "a base class": "import openai\nclass B:\n    def __init__(self):\n        self.c = openai.OpenAI()\nclass A(B):\n    def f(self):\n        self.c.chat.completions.create()\n",
    "a mixin": "import openai\nclass A:\n    def f(self):\n        self.c.chat.completions.create()\nclass B(A):\n    c = openai.OpenAI()\n",
    "a subclass of the client": "import openai\nclass C(openai.OpenAI):\n    pass\nC().chat.completions.create()\n",
    "super": "import openai\nclass C(openai.ChatCompletion):\n    @classmethod\n    def create(cls, **k):\n        return super().create(**k)\n",
    "a resource kept": "import openai\nchat = openai.OpenAI().chat\nchat.completions.create()\n",
    "a resource class kept": "import openai\nclass A:\n    def __init__(self):\n        self.client = openai.ChatCompletion\n    def f(self):\n        self.client.create()\n",
    "a module passed around": "import openai\nclass A:\n    def __init__(self):\n        self._openai = openai\n    def f(self):\n        self._openai.ChatCompletion.create()\n",
    "a dictionary of classes": "import openai\nKINDS = {'a': openai.OpenAI, 'b': openai.AzureOpenAI}\nKINDS[x]().chat.completions.create()\n",
    "a dictionary of clients": "import openai\ncs = {}\ncs['a'] = openai.OpenAI()\ncs['a'].chat.completions.create()\n",
    "a list of clients": "import openai\nfor c in [openai.OpenAI()]:\n    c.chat.completions.create()\n",
    "get of a dictionary": "import openai\ncs = {'a': openai.OpenAI()}\ncs.get('a').chat.completions.create()\n",
    "a global": "import openai\nc = None\ndef init():\n    global c\n    c = openai.OpenAI()\ndef f():\n    c.chat.completions.create()\n",
    "a lazy import": "def f():\n    import openai\n    return openai\nf().ChatCompletion.create()\n",
    "importlib": "import importlib\no = importlib.import_module('openai')\no.ChatCompletion.create()\n",
    "a lazy loader": "from utils import LazyLoader\no = LazyLoader('openai', globals(), 'openai')\no.ChatCompletion.create()\n",
    "cast": "import openai\nfrom typing import cast\ncast(openai.OpenAI, x).chat.completions.create()\n",
    "getattr": "import openai\ngetattr(openai, 'ChatCompletion').create()\n",
    "a wrapper of another package": "import openai, instructor\nc = instructor.from_openai(openai.OpenAI())\nc.chat.completions.create()\n",
    "a data class": "import openai\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    c: object\n    def f(self):\n        self.c.chat.completions.create()\nA(c=openai.OpenAI())\n",
}


@pytest.mark.parametrize("name", INFERRED)
def test_call_is_inferred(name: str) -> None:
    found = calls(a=INFERRED[name])
    assert [target for target, _ in found] == [CREATE]
    assert found[0][1] in ("inferred", "resolved")


def test_method_used_as_a_value_is_a_call() -> None:
    source = "import openai\nfrom functools import partial\nc = openai.OpenAI()\npartial(c.chat.completions.create)\n"
    assert calls(a=source) == [(CREATE, "resolved")]


def test_method_bound_to_a_name_counts_at_binding_and_call() -> None:
    found = uses(a="import openai\ncreate = openai.OpenAI().chat.completions.create\ncreate(model='x')\n")
    assert [(one.line, one.how) for one in found if one.kind == "api_call"] == [(2, "value"), (3, "call")]


ACROSS = {
    "a re-export": {
        "pkg____init__": "from .llm import client\n",
        "pkg__llm": "import openai\nclient = openai.OpenAI()\n",
        "main": "from pkg import client\nclient.chat.completions.create()\n",
    },
    "a relative import": {
        "pkg____init__": "",
        "pkg__llm": "import openai\nclient = openai.OpenAI()\n",
        "pkg__main": "from .llm import client\nclient.chat.completions.create()\n",
    },
    "a relative module": {
        "pkg____init__": "",
        "pkg__llm": "import openai\nclient = openai.OpenAI()\n",
        "pkg__main": "from . import llm\nllm.client.chat.completions.create()\n",
    },
    "a star import": {
        "llm": "from openai import *\n",
        "main": "from llm import *\nOpenAI().chat.completions.create()\n",
    },
    "a base class elsewhere": {
        "base": "import openai\nclass B:\n    def __init__(self):\n        self.c = openai.OpenAI()\n",
        "main": "import base\nclass A(base.B):\n    def f(self):\n        self.c.chat.completions.create()\n",
    },
    "a factory elsewhere": {
        "src__pkg____init__": "",
        "src__pkg__make": "import openai\ndef make():\n    return openai.OpenAI()\n",
        "tests__test": "from pkg.make import make\nmake().chat.completions.create()\n",
    },
    "an argument from elsewhere": {
        "work": "def f(c):\n    c.chat.completions.create()\n",
        "main": "import openai, work\nwork.f(openai.OpenAI())\n",
    },
    "a module's attribute set from elsewhere": {
        "config": "client = None\n",
        "main": "import openai, config\nconfig.client = openai.OpenAI()\n",
        "work": "import config\nconfig.client.chat.completions.create()\n",
    },
}


@pytest.mark.parametrize("name", ACROSS)
def test_call_is_found_across_files(name: str) -> None:
    assert calls(**ACROSS[name]) == [(CREATE, "inferred")]


SHAPES = {
    "an unknown parameter": "def f(client):\n    client.chat.completions.create()\n",
    "an unknown attribute": "class A:\n    def f(self):\n        self.client.chat.completions.create()\n",
    "an unknown factory": "from .nowhere import make\nmake().chat.completions.create()\n",
}


@pytest.mark.parametrize("name", SHAPES)
def test_call_of_an_unknown_object_is_a_shape(name: str) -> None:
    assert calls(a=SHAPES[name]) == [(CREATE, "shape")]


OTHERS = {
    "another vendor's client": "import groq\nc = groq.Groq()\nc.chat.completions.create()\n",
    "another vendor's annotation": "from groq import Groq\ndef f(c: Groq):\n    c.chat.completions.create()\n",
    "a name of another vendor": "import openai\ndef f(groq_client):\n    groq_client.chat.completions.create()\n",
    "a file of another vendor": "from zhipuai import ZhipuAI\ndef f(client):\n    client.chat.completions.create()\n",
    "LangChain's class": "from langchain.llms import OpenAI\nOpenAI().chat.completions.create()\n",
    "a class of the project": "class Completions:\n    def create(self): ...\nclass Chat:\n    completions = Completions()\nclass OpenAI:\n    chat = Chat()\nOpenAI().chat.completions.create()\n",
    "a factory of another package": "from anotherlib import make\nmake().chat.completions.create()\n",
    "what a call returned": "import openai\nr = openai.OpenAI().models.list()\nr.chat.completions.create()\n",
    "files.create of a drive": "from googleapiclient.discovery import build\nbuild('drive').files.create()\n",
    "weak shapes": "def f(x):\n    x.models.list()\n    x.files.list()\n    x.Image.create()\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_evidence_against_a_call_prevents_a_finding(name: str) -> None:
    assert [target for target, _ in calls(a=OTHERS[name]) if target != "models.list"] == []


def test_local_module_called_openai_is_not_the_sdk() -> None:
    found = uses(openai="class OpenAI: ...\n", main="import openai\nopenai.OpenAI()\n")
    assert found == []


def test_submodule_called_openai_does_not_hide_the_sdk() -> None:
    found = uses(
        pkg____init__="",
        pkg__openai="import openai\nopenai.OpenAI()\n",
        pkg__other="import openai\nopenai.OpenAI()\n",
    )
    assert [one.kind for one in found] == ["import", "client_construction"] * 2


def test_openai_client_with_another_vendors_url_is_found() -> None:
    source = "import openai\nc = openai.OpenAI(base_url='http://localhost:11434/v1')\nc.chat.completions.create()\n"
    assert calls(a=source) == [(CREATE, "resolved")]


def test_circular_definitions_end() -> None:
    source = """
        import openai
        def f(x):
            return g(x)
        def g(x):
            return f(x) or x
        a = b
        b = a
        class A(A):
            def m(self):
                self.x = self.y
                self.y = self.x
                self.x.chat.completions.create()
        f(openai.OpenAI()).chat.completions.create()
    """
    assert (CREATE, "inferred") in calls(a=source)


KINDS = """
import openai
from openai import OpenAI, RateLimitError
from openai.types.chat import ChatCompletion
openai.api_key = key
print(openai.api_base)
setattr(openai, "organization", "x")
client = OpenAI(base_url="https://api.openai.com/v1")
def f(c: OpenAI) -> ChatCompletion: ...
try: ...
except (openai.APIError, RateLimitError): ...
print(openai.__version__, ChatCompletion.model_validate)
x = ["gpt-4o", "OPENAI_API_KEY"]
"""


def test_every_kind_of_use_is_found() -> None:
    assert [(one.line, one.kind, one.target) for one in uses(a=KINDS)] == [
        (2, "import", "openai"),
        (3, "import", "openai"),
        (4, "import", "openai.types.chat"),
        (5, "module_config", "openai.api_key"),
        (6, "module_config", "openai.api_base"),
        (7, "module_config", "openai.organization"),
        (8, "client_construction", "openai.OpenAI"),
        (8, "base_url", "https://api.openai.com/v1"),
        (9, "type_use", "openai.OpenAI"),
        (9, "type_use", "openai.types.chat.ChatCompletion"),
        (11, "error_class", "openai.APIError"),
        (11, "error_class", "openai.RateLimitError"),
        (12, "type_use", "openai.__version__"),
        (12, "type_use", "openai.types.chat.ChatCompletion"),
        (13, "model_literal", "gpt-4o"),
        (13, "env_var", "OPENAI_API_KEY"),
    ]


def test_argument_of_another_vendor_is_evidence_against_a_call() -> None:
    source = """
        import openai
        from otherai import Client
        def f(client):
            client.chat.completions.create()
        class A:
            def __init__(self, client):
                self.client = client
            def g(self):
                self.client.chat.completions.create()
        f(Client())
        A(client=Client())
    """
    assert calls(a=source) == []


def test_too_short_raw_chains_are_not_calls() -> None:
    assert calls(a="import openai\nx.with_raw_response.with_raw_response()\ny.with_raw_response\n") == []


MODULE_KEPT = {
    "a cast": "import openai\nfrom typing import Any, cast\nERRORS = (cast(Any, openai).RateLimitError,)\n",
    "an attribute": "import openai\nclass A:\n    def __init__(self):\n        self._sdk = openai\n    def f(self):\n        try:\n            g()\n        except self._sdk.RateLimitError:\n            pass\n",
    "importlib": "import importlib\nERRORS = (importlib.import_module('openai').RateLimitError,)\n",
    "another file": "from base import sdk\nERRORS = (sdk.sdk.RateLimitError,)\n",
}


@pytest.mark.parametrize("name", MODULE_KEPT)
def test_error_class_is_found_through_other_names_of_the_module(name: str) -> None:
    found = uses(a=MODULE_KEPT[name], base="import openai\nclass sdk:\n    sdk = openai\n")
    assert [one.target for one in found if one.kind == "error_class"] == ["openai.RateLimitError"]


def test_alias_of_an_error_class_is_one_finding() -> None:
    found = uses(
        a="import openai\nclass A:\n    limit = openai.RateLimitError\ntry:\n    f()\nexcept A.limit:\n    pass\n"
    )
    assert [one.line for one in found if one.kind == "error_class"] == [3]


OVERRIDDEN = """
    import openai

    class Base:
        def __init__(self):
            self.client = self.make()
        def make(self):
            {base}

    class Other(Base):
        def make(self):
            {other}
        def send(self):
            self.client.files.create()
            self.client.chat.completions.create()
"""


def test_overriding_factory_of_another_vendor_hides_the_openai_client() -> None:
    text = OVERRIDDEN.format(base="return openai.OpenAI()", other="return AsyncVendor()")
    assert calls(a=f"from vendor import AsyncVendor\n{textwrap.dedent(text)}") == []


def test_overriding_factory_sets_the_client_of_the_base_class() -> None:
    text = OVERRIDDEN.format(base="raise NotImplementedError", other="return openai.OpenAI()")
    assert calls(a=text) == [("files.create", "inferred"), (CREATE, "inferred")]


def test_overriding_factory_of_unknown_result_keeps_the_base_client() -> None:
    text = OVERRIDDEN.format(base="return openai.OpenAI()", other="return unknown()")
    assert calls(a=text) == [("files.create", "inferred"), (CREATE, "inferred")]


def test_argument_with_a_client_attribute_is_followed() -> None:
    holder = """
        import openai

        class Thread:
            def __init__(self):
                self.client = openai.OpenAI()

        class Agency:
            def __init__(self):
                self.thread = Thread()
    """
    user = """
        from holder import Agency

        def show(agency, height):
            agency.thread.client.files.create()

        mine = Agency()
        show(mine, height=3)
    """
    assert calls(holder=holder, user=user) == [("files.create", "inferred")]
