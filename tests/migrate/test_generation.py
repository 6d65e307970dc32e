"""The openai version each file of a project is written for."""

from __future__ import annotations

import textwrap

from stepfun_compat.migrate.facts import facts_of, parse
from stepfun_compat.migrate.generation import legacy_files
from stepfun_compat.migrate.uses import uses_of

NEUTRAL = "import openai\nopenai.api_key = key\n"
OLD = "import openai\nopenai.ChatCompletion.create()\n"
NEW = "from openai import OpenAI\nOpenAI()\n"


def _legacy(**files: str) -> tuple[set[str], set[str]]:
    """Return the names of the files written for openai<1.0, and of those whose version is unknown."""
    names = sorted(files)
    facts = [facts_of(parse(textwrap.dedent(files[name]))) for name in names]
    legacy, unknown = legacy_files(uses_of([f"{name}.py" for name in names], facts), facts)
    return {names[one] for one in legacy}, {names[one] for one in unknown}


def test_file_with_names_of_one_version_is_written_for_it() -> None:
    assert _legacy(a=OLD, b=NEW) == ({"a"}, set())


def test_neutral_file_has_the_version_of_its_project() -> None:
    assert _legacy(a=OLD, b=NEUTRAL) == ({"a", "b"}, set())
    assert _legacy(a=NEW, b=NEUTRAL) == (set(), set())


def test_neutral_file_in_a_project_of_both_versions_is_unknown() -> None:
    assert _legacy(a=OLD, b=NEW, c=NEUTRAL) == ({"a"}, {"c"})


def test_error_class_of_both_versions_is_neutral() -> None:
    both = "import openai\ntry: f()\nexcept openai.APIError: pass\n"
    new = "import openai\ntry: f()\nexcept openai.APIStatusError: pass\n"
    assert _legacy(a=OLD, b=both) == ({"a", "b"}, set())
    assert _legacy(a=OLD, b=new) == ({"a"}, set())


def test_migrated_file_keeps_its_version() -> None:
    assert _legacy(a="import stepfun_compat.legacy as openai\n", b=NEUTRAL) == ({"a", "b"}, set())
    assert _legacy(a="from stepfun_compat import OpenAI\n", b=OLD, c=NEUTRAL) == ({"b"}, {"c"})


def test_file_with_a_migrated_client_keeps_its_version() -> None:
    azure = "from stepfun_compat.azure import AzureOpenAI\nfrom openai.error import RateLimitError\n"
    assert _legacy(a=azure) == (set(), set())
