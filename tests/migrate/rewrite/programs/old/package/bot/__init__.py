from .llm import Bot

__all__ = ["Bot"]
