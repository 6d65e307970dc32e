"""`run --legacy`: the openai<1.0 module under the name `openai`, over the installed SDK."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, cast

from typing_extensions import override

from .._client import parts


def install() -> None:
    """Put `stepfun_compat.legacy.submodules()` into `sys.modules`.

    The SDK's own submodules stay loaded and importable, since this package's client uses them; only the names of openai
    0.28 are replaced.

    Raises:
        ImportError: the legacy module is missing.
    """
    import openai as current

    modules: dict[str, Any] = vars(import_module("..legacy", __package__)).get("submodules", dict)()
    if "openai" not in modules:
        raise ImportError("this installation has no stepfun_compat.legacy")
    root: Any = modules["openai"]
    if not hasattr(root, "__path__"):  # the SDK imports some submodules on first use
        root.__path__ = list(current.__path__)
    # the SDK's modules refer to each other as `openai.lib.…`, so loaded ones must be attributes of the new root as well
    for name, module in list(sys.modules.items()):
        package, _, part = name.partition(".")
        if package == "openai" and part and "." not in part and name not in modules:
            cast("dict[str, Any]", vars(root)).setdefault(part, module)
    import_module(".patching", __package__)  # it loads the clients
    parts.load()  # they import openai, which must be the SDK
    sys.modules.update(modules)
    if _OldDistribution not in sys.meta_path:
        sys.meta_path.insert(0, _OldDistribution)


class _OldDistribution:
    """Set the openai version in `importlib.metadata`: libraries that support both generations choose by it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG004 - the import system's shape
        return None

    @staticmethod
    def find_distributions(context: Any = None) -> list[Any]:
        if str(getattr(context, "name", None)).lower() != "openai":
            return []
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_distributions", None)
            for real in find(context) if find is not None and finder is not _OldDistribution else ():
                return [_dated(real)]
        return []


def _dated(real: Any) -> Any:
    """The installed distribution with the version of openai 0.28."""
    from importlib.metadata import Distribution

    from ..legacy.version import VERSION

    class Old(Distribution):
        @override
        def read_text(self, filename: str) -> str | None:
            return real.read_text(filename)

        @override
        def locate_file(self, path: Any) -> Any:
            return real.locate_file(path)

        @property
        @override
        def metadata(self) -> Any:
            metadata: Any = real.metadata
            metadata.replace_header("Version", VERSION)
            return metadata

    return Old()
