"""The key of programs started by `stepfun-compat run`. Importing it loads nothing else."""

from __future__ import annotations

from typing import Final

PLACEHOLDER_KEY: Final = "stepfun-compat-placeholder"
"""Set as `OPENAI_API_KEY` by `stepfun-compat run` for frameworks that require one. Never sent anywhere."""
