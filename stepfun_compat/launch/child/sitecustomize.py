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


def _take_over() -> None:
    """Rebind openai's names, or give the old module; says so where it cannot, and lets the child go on."""
    import os

    try:
        try:
            import stepfun_compat
        except ModuleNotFoundError as error:
            if error.name != "stepfun_compat":
                raise
            # a checkout, or an environment of its own: found where the parent found it, for this import only
            root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
            sys.path.append(root)
            try:
                import stepfun_compat
            finally:
                sys.path.remove(root)
        if os.environ.get("STEPFUN_COMPAT_LEGACY") == "1":
            import stepfun_compat.launch.legacy_module

            stepfun_compat.launch.legacy_module.install()
        else:
            import stepfun_compat.launch

            stepfun_compat.launch.patch()
    except Exception as error:
        sys.stderr.write(f"stepfun-compat: openai stays as it is in child process {os.getpid()}: {error!r}\n")


class _PatchOnImport:
    """Patches when `openai` has been loaded; loads it before a framework that can go past it (`launch.framework_hooks`).

    Programs also ask for a module's spec without importing it, so it is the loading that counts, not the finding.
    """

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in ("openai", "dspy"):
            return None
        spec: Any = None
        for finder in list(sys.meta_path):
            if finder is not cls and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    break
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        load = loader.exec_module

        def exec_module(module: Any) -> None:
            del loader.exec_module
            if name == "openai":
                sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not cls]
                load(module)
                _take_over()
            else:
                _load_openai()
                load(module)

        loader.exec_module = exec_module
        return spec


def _load_openai() -> None:
    try:
        import openai  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ImportError:
        return  # then there is nothing to patch


sys.meta_path.insert(0, _PatchOnImport)
_step_aside()
