"""The reference's tables, generated from the catalog, the settings, the command line and explained calls.

`python -m tests.docs.readme_tables` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Final

from stepfun_compat import catalog
from stepfun_compat.settings import RENAMED, SETTINGS

from . import cli_tables, field_tables

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs" / "reference").glob("*.md")), ROOT / "docs" / "serve.md"]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


OLD_VARIABLES: Final = {f"STEPFUN_{name.upper()}" for name in RENAMED}
FIRST: Final = (
    *("api_key", "region", "plan", "model", "model_aliases", "reasoning_effort", "token_headroom", "on_unsupported"),
    *("state", "fallback"),
)
"""The settings that most programs need."""
GROUPS: Final = {
    "Connection": ("base_url", "rate_limit_min_wait", "stream_idle_timeout", "tier"),
    "Models and requests": (
        *("catalog_overlay", "openai_sampling_defaults", "web_search", "image_size_order", "responses_route"),
        *("prompt_cache_key", "prompt_cache_header", "max_corrections", "parse_xml_tool_calls"),
    ),
    "Responses to the program": (
        *("echo_requested_model", "list_openai_models", "show_reasoning", "replay_reasoning", "raw", "fast_path"),
    ),
    "Conversations and batches": (),  # all others
}


def _settings(names: Iterable[str]) -> str:
    rows: list[tuple[str, ...]] = []
    for name in names:
        spec = SETTINGS[name]
        default = spec.default
        shown = "" if default is None or isinstance(default, Mapping) else f"`{default}`"
        rows.append((f"`{name}`", ", ".join(f"`{v}`" for v in spec.env if v not in OLD_VARIABLES), shown, spec.help))
    return _table(("setting", "environment", "default", "what it does"), rows)


def settings_table() -> str:
    return _settings(FIRST)


def other_settings() -> str:
    named = {*FIRST, *(name for names in GROUPS.values() for name in names)}
    parts: list[str] = []
    for title, names in GROUPS.items():
        parts += [f"### {title}", "", _settings(names or [name for name in SETTINGS if name not in named]), ""]
    return "\n".join(parts).strip()


def models_table() -> str:
    rows: list[tuple[str, ...]] = []
    for row in catalog.default().models.values():
        if row.kind not in ("chat", "audio_chat"):
            continue
        efforts = ", ".join(dict.fromkeys(row.efforts.values())) or "–"
        price = f"{row.usd.input:g} / {row.usd.cached:g} / {row.usd.output:g}" if row.usd else "–"
        cny = f"{row.cny.input:g} / {row.cny.cached:g} / {row.cny.output:g}" if row.cny else "–"
        context = f"{row.context:,}" if row.context else "–"
        takes = ", ".join(sorted(row.input)) + (" → text, audio" if "audio" in row.output else "")
        rows.append((f"`{row.id}`", takes, context, efforts, "yes" if row.json_schema else "–", price, cny, row.as_of))
    head = (
        "model",
        "input",
        "context",
        "efforts",
        "json_schema",
        "USD in / cached / out",
        "CNY in / cached / out",
        "as of",
    )
    return _table(head, rows)


def aliases_table() -> str:
    rows = [
        (f"`{row.pattern}`", f"`{row.model}`", row.effort or "–", str(row.headroom) if row.headroom else "–")
        for row in catalog.default().aliases
    ]
    return _table(("OpenAI name", "runs on", "effort", "headroom"), rows)


def parameters_table() -> str:
    outcomes = {"send": "sent", "translate": "translated", "drop": "dropped"}
    rows: list[tuple[str, ...]] = []
    for row in catalog.default().all_parameters:
        if row.endpoint == "chat.completions":
            reported = "warning" if row.meaning else "log line" if row.action == "drop" else ""
            sent = f", sent to {', '.join(row.models)}" if row.models else ""
            rows.append((f"`{row.name}`", row.state, outcomes[row.action] + sent, reported))
    return _table(("chat parameter", "StepFun", "client", "reported by"), rows)


def endpoints_table() -> str:
    from stepfun_compat.catalog import endpoints

    rows = [(f"`{row.method}`", row.outcome, row.note) for row in endpoints.OUTCOMES]
    return _table(("method", "outcome", "note"), rows)


def probes_table() -> str:
    from stepfun_compat.diagnostics import probes as probing

    rows = [(f"`{c.name}`", c.question, "" if c.setting == "-" else f"`{c.setting}`") for c in probing.CHECKS]
    return _table(("check", "question", "setting"), rows)


def left_open_table() -> str:
    from stepfun_compat.diagnostics import probes as probing

    return "\n".join(f"- {text[0].upper()}{text[1:]}." for _, text in probing.LEFT_OPEN)


def fallback_table() -> str:
    from stepfun_compat.catalog.absent import FALLBACK_NAMES

    return ", ".join(f"`{name}`" for name in FALLBACK_NAMES)


def catalog_fields() -> str:
    from stepfun_compat.catalog import schema

    sections = {
        "models": schema.Model,
        "aliases": schema.Alias,
        "retired": schema.Retired,
        "parameters": schema.Parameter,
        "contested": schema.ContestedFact,
        "settled": schema.SettledFact,
    }
    rows: list[tuple[str, ...]] = []
    for section, row in sections.items():
        for field in fields(row):
            required = field.default is MISSING and field.default_factory is MISSING
            kind = str(field.type).replace("|", "\\|")
            rows.append((f"`[[{section}]]`", f"`{field.name}`", kind, "yes" if required else ""))
    return _table(("section", "field", "type", "required in a new row"), rows)


def serve_lines() -> str:
    from stepfun_compat.serve.launch import DEFAULT_PORT
    from stepfun_compat.serve.tools_config import TOOLS, lines_for

    blocks = [f"### {tool}\n\n```text\n{lines_for(tool, '127.0.0.1', DEFAULT_PORT)}```" for tool in TOOLS]
    return "\n" + "\n\n".join(blocks) + "\n"


TABLES: Mapping[str, Callable[[], str]] = {
    "settings": settings_table,
    "other_settings": other_settings,
    "models": models_table,
    "aliases": aliases_table,
    "parameters": parameters_table,
    "endpoints": endpoints_table,
    "fallback": fallback_table,
    "probes": probes_table,
    "left_open": left_open_table,
    "catalog_fields": catalog_fields,
    "serve_lines": serve_lines,
    "command_line": cli_tables.command_line,
    **field_tables.TABLES,
}


def rendered(text: str) -> str:
    """Return a page with its tables generated again."""

    def fill(match: re.Match[str]) -> str:
        return f"<!-- table: {match.group(1)} -->\n{TABLES[match.group(1)]()}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rendered(page.read_text(encoding="utf-8")), encoding="utf-8")
