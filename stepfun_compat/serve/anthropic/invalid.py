"""What a request of Anthropic's may be refused for."""

from __future__ import annotations


class Invalid(Exception):
    """A request that Anthropic's API would refuse, or that nobody but Anthropic's servers can carry out."""
