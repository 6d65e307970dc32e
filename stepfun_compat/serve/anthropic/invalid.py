"""The error for a request that Anthropic's API would refuse."""

from __future__ import annotations


class Invalid(Exception):
    """A request that Anthropic's API would refuse, or that only Anthropic's servers can handle."""
