from __future__ import annotations

# Found by the child processes of `stepfun-compat run` through PYTHONPATH. Steps aside for the sitecustomize that would
# have been found without it, then waits for `openai` to be imported. It must never stop a child from starting.
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported: every child would pay for it
    from typing import Any


def _step_aside() -> None:
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    own = sys.modules.pop("sitecustomize", None)
    path = list(sys.path)
    sys.path[:] = [entry for entry in path if os.path.abspath(entry or ".") != here]
    try:
        import sitecustomize  # noqa: F401 # pyright: ignore[reportUnusedImport] - the one that was there before
    except ImportError as error:
        if getattr(error, "name", None) != "sitecustomize":
            raise
        if own is not None:
            sys.modules["sitecustomize"] = own


class _PatchOnImport:
    """Finds `openai` once, by the other finders, and patches when it has been loaded."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG004 - the import system's shape
        if name != "openai":
            return None
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not _PatchOnImport]
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        load = loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            try:
                import stepfun_compat.launch
            except ImportError:
                return
            stepfun_compat.launch.patch()

        loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _PatchOnImport)
_step_aside()
