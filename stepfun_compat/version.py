"""The version of this package, defined only here: the build reads `__version__` from this file.

`stepfun_compat.__version__` and `VERSION` are openai's, because programs that write `import stepfun_compat as openai`
compare them with openai's releases.
"""

from __future__ import annotations

__version__ = "0.1.0"


def __getattr__(name: str) -> str:
    if name == "VERSION":  # openai.version.VERSION
        from openai.version import VERSION

        return VERSION
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
