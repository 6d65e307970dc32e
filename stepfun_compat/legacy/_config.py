"""The one place where everything here looks up what the program set on the module (`openai.api_key = …`)."""

from __future__ import annotations

import sys
from typing import Any


def config() -> Any:
    """The module `stepfun_compat.legacy` itself, under whatever name the program imported it."""
    return sys.modules[__package__ or "stepfun_compat.legacy"]
