"""Access to the settings a program assigns to the module (`openai.api_key = …`)."""

from __future__ import annotations

import sys
from typing import Any


def config() -> Any:
    """Return the module `stepfun_compat.legacy`, whatever name the program imported it as."""
    return sys.modules[__package__ or "stepfun_compat.legacy"]
