from __future__ import annotations

# Child processes of `stepfun-compat run` find this module through PYTHONPATH. It runs the sitecustomize it shadows, then
# installs a hook for the import of `openai`. It must never prevent a child from starting.
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .stepfun_compat_import_hook import call_on_import
else:
    from stepfun_compat_import_hook import call_on_import


def _import_next_sitecustomize() -> None:
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    own = sys.modules.pop("sitecustomize", None)
    path = list(sys.path)
    sys.path[:] = [entry for entry in path if os.path.abspath(entry or ".") != here]
    try:
        __import__("sitecustomize")  # the shadowed one
    except ImportError as error:
        if getattr(error, "name", None) != "sitecustomize":
            raise
        if own is not None:
            sys.modules["sitecustomize"] = own


def _take_over() -> None:
    """Rebind openai's names, or provide the legacy module. On failure, print the reason and let the child continue."""
    import os

    try:
        try:
            import stepfun_compat
        except ModuleNotFoundError as error:
            if error.name != "stepfun_compat":
                raise
            # a checkout or another environment: import from the parent's location, for this import only
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
        sys.stderr.write(f"stepfun-compat: openai is not changed in child process {os.getpid()}: {error!r}\n")


call_on_import(_take_over)
_import_next_sitecustomize()
