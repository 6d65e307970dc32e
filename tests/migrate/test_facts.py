"""The facts of one file: spans, bindings, scopes, and expressions that are not recorded."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.migrate.facts import Undecodable, decode, facts_of, parse
from stepfun_compat.migrate.facts import model as m
from stepfun_compat.migrate.facts.trim import trim


def facts(source: str) -> m.FileFacts:
    return facts_of(parse(source), source)


def test_spans_of_imported_names_include_the_alias() -> None:
    source = "from openai import (OpenAI,  # one\n    AsyncOpenAI as A,\n)\n"
    text = decode(source.encode())
    (statement,) = facts(source).imports
    assert statement.module == "openai"
    assert [one.bound for one in statement.names] == ["OpenAI", "A"]
    second = statement.names[1]
    assert text.slice(second.line, second.column, second.end_line, second.end_column) == b"AsyncOpenAI as A"
    assert text.slice(statement.line, statement.column, statement.end_line, statement.end_column).endswith(b")")


@pytest.mark.parametrize(
    ("source", "conditional"),
    [
        ("import openai\n", None),
        ("if TYPE_CHECKING:\n    import openai\n", "type_checking"),
        ("if typing.TYPE_CHECKING:\n    import openai\n", "type_checking"),
        ("try:\n    import openai\nexcept ImportError:\n    pass\n", "try"),
        ("if x:\n    pass\nelse:\n    import openai\n", "if"),
        ("def f():\n    import openai\n", "function"),
        (
            "class A:\n    def f(self):\n        try:\n            import openai\n        finally:\n            pass\n",
            "function",
        ),
    ],
)
def test_conditional_imports_are_marked(source: str, conditional: str | None) -> None:
    assert facts(source).imports[0].conditional == conditional


def test_importlib_with_a_literal_is_an_import() -> None:
    found = facts("import importlib\nx = importlib.import_module('openai.types')\ny = __import__('openai')\n")
    assert [one.names[0].name for one in found.imports] == ["importlib", "openai.types", "openai"]
    assert found.imports[1].call is not None


def test_attributes_of_self_in_inner_functions_belong_to_the_class() -> None:
    found = facts(
        "class A:\n"
        "    def __init__(self, client):\n"
        "        self.client = client\n"
        "        def later():\n"
        "            self.other = client\n"
        "    @staticmethod\n"
        "    def f(this):\n"
        "        this.x = 1\n"
    )
    assert set(found.classes[0].attributes) == {"client", "other", "x"}
    value = found.classes[0].attributes["client"][0]
    assert isinstance(value, m.Name)
    assert value.name == "client"


def test_chain_ends_at_its_last_attribute() -> None:
    source = "r = (client\n     .chat\n     .completions\n     .create(\n         model='gpt-4o'))\n"
    (call,) = facts(source).calls
    assert call.func is not None
    assert (call.func.line, call.func.end_line) == (1, 4)
    assert decode(source.encode()).slice(4, 5, call.func.end_line, call.func.end_column) == b".create"


def test_strings_in_annotations_are_parsed_as_types() -> None:
    found = facts("def f(client: 'openai.OpenAI | None', x: Literal['gpt-4o']) -> 'Optional[A]': ...\n")
    function = found.functions[0]
    type_ = function.parameters[0].annotation
    assert isinstance(type_, m.Attribute)
    assert type_.attr == "OpenAI"
    assert isinstance(function.result, m.Name)
    assert [one.value for one in found.literals] == ["gpt-4o"]


def test_docstrings_and_longer_strings_are_not_literals() -> None:
    found = facts("'gpt-4o'\ndef f():\n    'OPENAI_API_KEY'\nx = 'use gpt-4o'\ny = 'gpt-4o'\n")
    assert [one.line for one in found.literals] == [5]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("gpt-4o-mini-2024-07-18", "model"),
        ("gpt-4", "model"),
        ("gpt-3.5-turbo-16k", "model"),
        ("o3-mini", "model"),
        ("text-embedding-ada-002", "model"),
        ("gpt2", None),
        ("gpt-j-6b", None),
        ("o365", None),
        ("OPENAI_API_KEY", "env"),
        ("AZURE_OPENAI_ENDPOINT", "env"),
        ("MY_OPENAI_KEY", None),
        ("https://api.openai.com/v1", "host"),
        ("https://x.openai.azure.com/", "host"),
        ("https://platform.openai.com/docs", None),
        ("see https://api.openai.com/v1", None),
    ],
)
def test_strings_are_classified(text: str, kind: str | None) -> None:
    found = facts(f"x = {text!r}\n")
    assert [one.kind for one in found.literals] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"\xef\xbb\xbfx = 1\n", "utf-8"),
        ("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"), "iso-8859-1"),
        (b"x = 1\r\ny = 2\rz = 3\x0c\n", "utf-8"),
    ],
)
def test_decoded_text_encodes_to_the_same_bytes(data: bytes, encoding: str) -> None:
    text = decode(data)
    assert text.encoding == encoding
    assert text.encode(text.utf8) == data


@pytest.mark.parametrize("data", [b"x = '\xff'\n", b"# coding: nonsense\n", b"# coding: ascii\nx = '\xff'\n"])
def test_undecodable_bytes_have_a_reason(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(data)


def test_lines_are_counted_like_the_parser() -> None:
    source = b"x = 1\r\ny = 2\rz = 'caf\xc3\xa9'; client.a\n"
    text = decode(source)
    (read,) = facts_of(ast.parse(source)).reads
    assert text.slice(read.line, read.column, read.end_line, read.end_column) == b"client.a"


def test_ignore_comments_are_recorded() -> None:
    found = facts("a = 1  # stepfun: ignore[SFC001, SFC004]\nb = 2  # stepfun: ignore\n")
    assert found.ignores == {1: ("SFC001", "SFC004"), 2: ()}


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_that_parses_has_facts(source: str) -> None:
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return
    facts_of(tree, source)


def test_trim_drops_annotation_names_and_keeps_imported_names() -> None:
    kept = trim(facts("from typing import Any\nfrom openai import OpenAI\ndef f(a: Any, b: OpenAI) -> str: ...\n"))
    assert [one.name for one in kept.reads if isinstance(one, m.Name)] == ["OpenAI"]


def test_trim_keeps_a_name_also_imported_from_typing() -> None:
    source = (
        "try:\n    from openai import OpenAI\nexcept ImportError:\n    from typing import Any as OpenAI\nx: OpenAI\n"
    )
    assert [one.name for one in trim(facts(source)).reads if isinstance(one, m.Name)] == ["OpenAI"]
