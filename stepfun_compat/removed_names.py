"""The names of openai 0.x (`ChatCompletion`, `Embedding`, …): openai's own error, plus two ways to run the program
without rewriting it."""

from __future__ import annotations

from typing import Any, Final

from openai import OpenAIError
from openai.lib import _old_api
from typing_extensions import override

WAYS_OUT: Final = """
stepfun_compat runs such a program without a rewrite, in one of two ways:

    stepfun-compat run --legacy program.py        (no change to the program)
    import stepfun_compat.legacy as openai        (in place of `import openai`)
"""


class RemovedNameError(_old_api.APIRemovedInV1):
    """A name of openai 0.x was used on a module of openai 1.0 or later."""

    def __init__(self, *, symbol: str) -> None:
        text = _old_api.INSTRUCTIONS.format(symbol=symbol)
        OpenAIError.__init__(self, text if WAYS_OUT in text else text + WAYS_OUT)


class RemovedName(_old_api.APIRemovedInV1Proxy):
    """The placeholder for a name of openai 0.x: its attributes return the placeholder, and a call raises."""

    @override
    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise RemovedNameError(symbol=self._symbol)
