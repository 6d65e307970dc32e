from __future__ import annotations

# Found by the child processes of `stepfun-compat run` through PYTHONPATH. Steps aside for the sitecustomize that would
# have been found without it, then waits for `openai` to be imported. It must never stop a child from starting.
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported: every child would pay for it
    from collections.abc import Callable
    from types import ModuleType

    from .stepfun_compat_import_hook import ImportHook
else:
    from stepfun_compat_import_hook import ImportHook


def _step_aside() -> None:
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    own = sys.modules.pop("sitecustomize", None)
    path = list(sys.path)
    sys.path[:] = [entry for entry in path if os.path.abspath(entry or ".") != here]
    try:
        __import__("sitecustomize")  # the one that was there before
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


def _load(module: ModuleType, run: Callable[[ModuleType], None]) -> None:
    """Load `openai` and take over; load it before a framework that can go past it (`launch.framework_hooks`)."""
    if module.__name__ == "openai":
        _hook.stop()
        run(module)
        _take_over()
        return
    _load_openai()
    run(module)


def _load_openai() -> None:
    try:
        __import__("openai")
    except ImportError:
        return  # then there is nothing to patch


_hook = ImportHook(("openai", "dspy"), _load)
_hook.start()
_step_aside()
