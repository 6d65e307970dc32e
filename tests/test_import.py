"""What `import stepfun_compat` costs, counted in modules, which needs no clock."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import stepfun_compat


def added(statement: str) -> list[str]:
    """The modules a statement imports on top of `import openai`, in a process of its own."""
    code = (
        f"import json, sys, openai; a = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - a)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


def test_the_import_adds_two_modules_of_our_own_and_no_other() -> None:
    assert added("import stepfun_compat") == ["stepfun_compat", "stepfun_compat.stock"]


def test_the_clients_come_with_first_use_and_with_no_third_party_module() -> None:
    names = added("from stepfun_compat import OpenAI, AsyncOpenAI, Settings, RateLimitError")
    assert "stepfun_compat.client" in names
    ours = ("stepfun_compat", "openai")
    assert {name.partition(".")[0] for name in names} - {*ours, *sys.stdlib_module_names} == set()
    facts = [
        name for name in names if name.startswith("stepfun_compat.catalog.") and name.endswith(("models", "voices"))
    ]
    assert facts == []  # the catalog is read by the first request


def test_every_name_of_ours_resolves_and_stays() -> None:
    for name in stepfun_compat.__all__:
        assert getattr(stepfun_compat, name) is getattr(stepfun_compat, name)
        assert name in dir(stepfun_compat)
    for module in ("client", "errors", "settings", "report"):
        assert getattr(stepfun_compat, module).__name__ == f"stepfun_compat.{module}"


def test_threads_that_use_it_first_get_one_class_and_one_catalog() -> None:
    code = """
import threading, stepfun_compat
from concurrent.futures import ThreadPoolExecutor
gate = threading.Barrier(16)
def first(_):
    gate.wait()
    from stepfun_compat.catalog import default
    client = stepfun_compat.OpenAI(api_key="k")
    return stepfun_compat.OpenAI, default(), type(client.chat.completions)
with ThreadPoolExecutor(16) as pool:
    print(len(set(pool.map(first, range(16)))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_a_star_import_gives_what_openais_does_and_ours() -> None:
    theirs: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    exec("from openai import *", theirs)
    exec("from stepfun_compat import *", ours)
    assert theirs.keys() <= ours.keys()
    assert ours["OpenAI"] is stepfun_compat.OpenAI
    assert ours["RateLimitError"] is theirs["RateLimitError"]
    assert {"Settings", "explain", "QuotaExceededError"} <= ours.keys()
