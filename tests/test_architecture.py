"""The rules of ARCHITECTURE.md, checked in the source: allowed imports, no cycles, limits on files and folders, and tests
in the same folders as the modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import openai
import pytest

import stepfun_compat
from stepfun_compat import catalog

ROOT = Path(stepfun_compat.__file__).parent
TESTS = Path(__file__).parent
MOST_LINES = 600
MOST_MODULES = 20
RESOURCES = ("audio", "chat", "files", "responses")
MAY_IMPORT = {"responses": {"chat"}}
"""Resources that may use another's folder: Responses is answered over chat."""


def module_name(file: Path) -> str:
    parts = ["stepfun_compat", *file.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(ROOT.rglob("*.py"))}


def resolve(module: str, node: ast.ImportFrom) -> str:
    """The absolute name of the module a `from` statement imports from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    package = parts if FILES[module].name == "__init__.py" else parts[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def statements(body: list[ast.stmt], *, lazy: bool) -> Iterator[ast.stmt]:
    """The statements that run at import; with `lazy` those inside functions and `if TYPE_CHECKING` as well."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if lazy:
                yield from statements(node.body, lazy=lazy)
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements(node.body if lazy else node.orelse, lazy=lazy)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from statements(getattr(node, field, []), lazy=lazy)
        for handler in getattr(node, "handlers", []):
            yield from statements(handler.body, lazy=lazy)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str, *, lazy: bool) -> frozenset[str]:
    """The modules of the package that a module imports."""
    found: set[str] = set()
    for node in statements(tree(module).body, lazy=lazy):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in FILES}
        elif isinstance(node, ast.ImportFrom):
            source = resolve(module, node)
            for alias in node.names:
                name = f"{source}.{alias.name}"
                found |= {name if name in FILES else source} & FILES.keys()
    return frozenset(found - {module})


def outside(module: str, *allowed: str) -> set[str]:
    return {
        found
        for found in imports(module, lazy=True)
        if not any(found == name or found.startswith(name + ".") for name in allowed)
    }


def test_no_import_cycles():
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        if module in done:
            return
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        path.append(module)
        for name in sorted(imports(module, lazy=False)):
            visit(name)
        path.pop()
        done.add(module)

    for module in FILES:
        visit(module)
    assert len(done) == len(FILES)


CLIENT_CLASSES = {"OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI", "SyncAPIClient", "AsyncAPIClient"}


def test_only_the_clients_override_openai():
    found = {
        module
        for module in FILES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if ast.unparse(base).rpartition(".")[2] in CLIENT_CLASSES
    }
    assert found == {f"stepfun_compat.{name}" for name in ("azure", "client", "module_client")}
    hooks = {
        m for m in FILES for node in ast.walk(tree(m)) if isinstance(node, ast.ClassDef) and node.name == "StepFunHooks"
    }
    assert hooks == {"stepfun_compat.client"}


@pytest.mark.parametrize("module", ["client", "azure"])
def test_overrides_of_openai_are_marked(module: str):
    free = {"__init__", "copy"}  # these have their own signatures
    hooks = [
        (node.name, [ast.unparse(one) for one in node.decorator_list])
        for owner in tree(f"stepfun_compat.{module}").body
        if isinstance(owner, ast.ClassDef) and owner.bases
        for node in owner.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    stock = {*dir(openai.AzureOpenAI), *dir(openai.AsyncAzureOpenAI)}
    assert len([name for name, _ in hooks if name in stock]) > (10 if module == "client" else 1)
    assert {name for name, decorators in hooks if name in stock - free and "override" not in decorators} == set()


@pytest.mark.parametrize("module", [name for name in FILES if name.startswith("stepfun_compat._client")])
def test_the_client_package_does_not_import_the_client_classes(module: str):
    assert "stepfun_compat.client" not in imports(module, lazy=True)


def test_private_attributes_of_the_client_are_used_only_in_its_package():
    for module in FILES:
        if module in ("stepfun_compat.client", "stepfun_compat.azure") or module.startswith("stepfun_compat._client"):
            continue
        touched = {
            node.attr
            for node in ast.walk(tree(module))
            if isinstance(node, ast.Attribute) and node.attr.startswith("_stepfun")
        }
        assert not touched, module


@pytest.mark.parametrize("module", [name for name in FILES if name.startswith("stepfun_compat.endpoints")])
def test_endpoints_do_not_import_clients(module: str):
    shared = (
        "stepfun_compat.endpoints",
        "stepfun_compat.catalog",
        "stepfun_compat.settings",
        "stepfun_compat.state",
        "stepfun_compat.credentials.urls",
        "stepfun_compat.former_lookup",  # for one release
    )
    assert not outside(module, *shared)
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {name.partition(".")[0] for name in names} & {"openai", "httpx", "httpx2", "socket"}


@pytest.mark.parametrize("resource", RESOURCES)
def test_resource_uses_no_other_resources_folder(resource: str):
    own = f"stepfun_compat.endpoints.{resource}"
    others = {f"stepfun_compat.endpoints.{name}" for name in RESOURCES if name != resource}
    others -= {f"stepfun_compat.endpoints.{name}" for name in MAY_IMPORT.get(resource, ())}
    for module in FILES:
        if module == own or module.startswith(own + "."):
            wrong = {
                name
                for name in imports(module, lazy=True)
                if any(name == other or name.startswith(other + ".") for other in others)
            }
            assert not wrong, module


SOURCES = [*FILES.values(), *(file for file in TESTS.rglob("*.py") if "programs" not in file.parts)]


def test_models_are_named_in_the_catalog_only():
    outside_catalog = {
        module
        for module in FILES
        if not module.startswith(
            (
                "stepfun_compat.catalog",
                "stepfun_compat.emulator",
                "stepfun_compat.diagnostics.probes",  # each asks about one model
                "stepfun_compat.fast_path.self_check",  # a sample
            )
        )
    }
    ids = catalog.default().models.keys()
    assert ids
    named = {
        f"{module}:{node.lineno} {node.value}"
        for module in outside_catalog
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ids
    }
    assert named == set()


def test_no_file_is_too_long():
    lines = {str(file): len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCES}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_folder_has_too_many_modules():
    counts = {folder: len(list(folder.glob("*.py"))) for folder in {file.parent for file in SOURCES}}
    assert {str(folder): n for folder, n in counts.items() if n > MOST_MODULES} == {}


WITHOUT_MODULES = {"corpus", "docs", "frameworks", "support", "typed"}
"""Folders of tests without a folder of the package: documents, complete programs, types, and helpers."""


def test_test_folders_match_the_package_folders():
    folders = {file.parent.relative_to(TESTS) for file in TESTS.rglob("test_*.py") if "programs" not in file.parts}
    unknown = {
        str(folder)
        for folder in folders
        if folder.parts and folder.parts[0] not in WITHOUT_MODULES and not _package_folder(folder).is_dir()
    }
    assert unknown == set()


def _package_folder(folder: Path) -> Path:
    first, *others = folder.parts
    return ROOT.joinpath("_client" if first == "client" else first, *others)


def test_document_names_existing_modules_and_folders():
    document = (ROOT.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py|[a-z_]+/)`", document)) - {"tests/test_architecture.py"}
    assert len(paths) > 20
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    folders = set(re.findall(r"^\| `([a-z_]+)` \| ", document, re.MULTILINE))
    assert folders == {file.parent.name for file in ROOT.glob("*/__init__.py")}


STEPS = re.findall(
    r"^\d+\. (`\S+\.py`: .*)$", (ROOT.parent / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE
)
KNOWN_ELSEWHERE = {"WireRequest", "StoreOperation", "Settings.model_aliases", "previous_response_id"}
"""Names a step mentions that are defined in other files."""


def defined(file: Path) -> set[str]:
    """The functions and classes of a file, methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        for inner in getattr(node, "body", []) if isinstance(node, ast.ClassDef) else []:
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(f"{node.name}.{inner.name}")
    return found


@pytest.mark.parametrize("step", STEPS)
def test_walkthrough_steps_name_functions_of_their_file(step: str):
    file, _, rest = step.partition(": ")
    named = {name for name in re.findall(r"`([\w.]+)`", rest) if not name.endswith(".py")}
    here = defined(ROOT / file.strip("`"))
    assert named - here - KNOWN_ELSEWHERE == set()


def test_document_has_five_walkthroughs():
    document = (ROOT.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    walks = re.findall(r"^\*\*(.+)\*\*$", document, re.MULTILINE)
    assert len(walks) == 5
    assert len(STEPS) > 30
