"""A pytest plugin for openai-python's own suite: replaces openai's classes with this package's, and records the outcomes.

UPSTREAM_WAY selects the mode:

    stock     nothing is replaced: the baseline on this machine
    patched   `stepfun_compat.patch()` before collection; a client with a base URL of another vendor is stock
    stepfun   the same, with the suite's mock server in STEPFUN_BASE_URL, so that everything is translated

Writes the outcomes to the file UPSTREAM_OUTCOMES as JSON: test -> [outcome, last line of the failure].
"""

from __future__ import annotations

import json
import os
from typing import Any

WAY = os.environ.get("UPSTREAM_WAY", "stock")
MOCK = "http://127.0.0.1:4010/v1"

if WAY != "stock":
    import stepfun_compat

    os.environ["STEPFUN_API_KEY"] = "stepfun-key-of-this-suite"
    if WAY == "stepfun":
        os.environ["STEPFUN_BASE_URL"] = os.environ["TEST_API_BASE_URL"] = MOCK
    stepfun_compat.patch()

_outcomes: dict[str, list[str]] = {}


def pytest_configure(config: Any) -> None:
    if (
        WAY != "stock"
    ):  # in this suite warnings are errors, and a dropped parameter warns; this package's tests cover that
        config.addinivalue_line("filterwarnings", "ignore::stepfun_compat.StepfunCompatWarning")


def pytest_runtest_logreport(report: Any) -> None:
    known = _outcomes.get(report.nodeid)
    if (report.when == "call" or report.outcome != "passed") and (known is None or known[0] == "passed"):
        text = str(report.longrepr or "").strip().splitlines() if report.failed else []
        message = next((line for line in text if line.startswith("E ")), text[-1] if text else "")
        _outcomes[report.nodeid] = [report.outcome, message.removeprefix("E ").strip()[:300]]


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        text = str(report.longrepr).strip().splitlines()
        _outcomes[report.nodeid] = ["failed", (text[-1] if text else "")[:300]]


def pytest_sessionfinish(session: Any) -> None:
    path = os.environ.get("UPSTREAM_OUTCOMES")
    if path and not hasattr(session.config, "workerinput"):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(_outcomes, file, indent=0, sort_keys=True)
