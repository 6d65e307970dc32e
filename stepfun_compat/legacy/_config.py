"""Access to the settings that a program assigns to the module (`openai.api_key = …`)."""

from __future__ import annotations

import sys
from typing import Any


def config() -> Any:
    """Return the module `stepfun_compat.legacy`, under whichever name the program imported it."""
    return sys.modules[__package__ or "stepfun_compat.legacy"]
