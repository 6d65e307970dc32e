"""The public names of 0.1.0 still work; moved names warn and state the new location."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import openai
import pytest

from stepfun_compat import former_names
from stepfun_compat.diagnostics.finding import Finding

NAMES: dict[str, str] = json.loads(Path(__file__).with_name("public_names_0_1_0.json").read_text(encoding="utf-8"))
GONE = {
    "stepfun_compat.catalog.endpoints": {"markdown_table"},  # generates documentation tables: a helper of the tests
    "stepfun_compat.emulator.plain": {"without_none"},  # unused
    "stepfun_compat.endpoints.common": {"KEEP", "STATE", "WAIT"},  # effects are classes now
    "stepfun_compat.gate": {"watched"},  # redirects are checked by the client's authentication
    "stepfun_compat.state": {"perform"},  # took a dict of operations
}
"""Internal helpers without a successor."""
OPENAI = {name for name in ("responses", "uploads", "vector_stores") if not hasattr(openai, name)}
"""Resources of the module that old openai releases lack."""


@pytest.mark.parametrize("module", NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_public_name_of_0_1_0_is_importable(module: str) -> None:
    found = importlib.import_module(module)
    missing = {name for name in NAMES[module].split() if not hasattr(found, name)}
    assert missing == (GONE.get(module, set()) | (OPENAI if module == "stepfun_compat" else set()))


@pytest.mark.filterwarnings("error::DeprecationWarning")
def test_current_public_modules_do_not_warn() -> None:
    for module in ("", ".azure", ".client", ".errors", ".emulator", ".launch", ".legacy", ".report", ".stock"):
        full = f"stepfun_compat{module}"
        moved = former_names.RENAMED.get(module[1:], {})
        for name in NAMES[full].split():
            assert name in moved or name in OPENAI or hasattr(importlib.import_module(full), name), f"{full}.{name}"


@pytest.mark.parametrize(
    ("module", "name", "now"),
    [
        ("exchange", "Exchange", "endpoints.context.RequestContext"),
        ("exchange", "Change", "endpoints.changes.Change"),
        ("endpoints.common", "segment", "endpoints.parameters.path_segment"),
        ("endpoints.base", "Request", "endpoints.base.WireRequest"),
        ("settings", "Target", "credentials.target.Target"),
        ("client", "StepfunMixin", "client.StepFunHooks"),
        ("explanation", "explain_call", "diagnostics.explain.explain_call"),
        ("prompt_cache", "OTHER_MODELS", "prompt_cache.stats.OTHER_MODELS"),
        ("fast.mould", "mould", "fast_path.object_templates.compile_template"),
        ("catalog.failures", "FAILURES", "catalog.failures.ERROR_TYPES"),
    ],
)
def test_moved_name_warns_with_its_new_location(module: str, name: str, now: str) -> None:
    place, _, present = now.rpartition(".")
    with pytest.warns(DeprecationWarning, match="is now") as caught:
        scope: dict[str, Any] = {}
        exec(compile(f"from stepfun_compat.{module} import {name}", "program.py", "exec"), scope)
    assert scope[name] is getattr(importlib.import_module(f"stepfun_compat.{place}"), present)
    assert str(caught[0].message) == f"stepfun_compat.{module}.{name} is now stepfun_compat.{now}."
    assert caught[0].filename == "program.py"  # the line to change


def test_former_endpoint_instance_is_still_an_instance() -> None:
    with pytest.warns(DeprecationWarning, match=r"CreateStore\(\)"):
        from stepfun_compat.endpoints.vector_stores import CREATE
    from stepfun_compat.endpoints.files.vector_stores import CreateStore

    assert isinstance(CREATE, CreateStore)


@pytest.mark.parametrize("module", [*former_names.STILL, *former_names.MODULES])
def test_unknown_name_raises(module: str) -> None:
    found = importlib.import_module(f"stepfun_compat.{module}")
    for name in ("nothing_of_this_name", "__all__of_it"):
        with pytest.raises(AttributeError, match=f"'{found.__name__}' has no attribute '{name}'"):
            getattr(found, name)


def test_every_successor_exists() -> None:
    for table in (former_names.MODULES, former_names.STILL):
        for short, places in table.items():
            modules = [importlib.import_module(f"stepfun_compat.{place}") for place in places.split()]
            for present in former_names.RENAMED.get(short, {}).values():
                assert any(present.removesuffix("()") in vars(module) for module in modules), (short, present)
    assert former_names.RENAMED.keys() <= former_names.MODULES.keys() | former_names.STILL.keys()


def test_other_imports_are_ignored() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"stepfun_compat\.nothing_of_this_name"):
        importlib.import_module("stepfun_compat.nothing_of_this_name")


def test_former_names_are_imported_lazily_with_one_finder() -> None:
    program = """
        import importlib, sys
        import stepfun_compat.client
        importlib.reload(stepfun_compat)
        print('stepfun_compat.former_names' in sys.modules)
        print(sum(getattr(finder, '__qualname__', '') == '_FormerModules' for finder in sys.meta_path))
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "1"]


def test_former_names_of_migration_rules() -> None:
    with pytest.warns(DeprecationWarning, match=r"Finding\.fix"):
        assert Finding("key", "warn", "none", "set it").remedy == "set it"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Finding("key", "ok", "found").fix == ""
