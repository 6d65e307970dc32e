"""The names of openai 0.x (`ChatCompletion`, `Embedding`, …): openai's own error, and the two ways to go on without
rewriting the program."""

from __future__ import annotations

from typing import Any, Final

from openai import OpenAIError
from openai.lib import _old_api
from typing_extensions import override

WAYS_OUT: Final = """
With stepfun_compat such a program runs as it is, in either of two ways:

    stepfun-compat run --legacy program.py        (no change to the program)
    import stepfun_compat.legacy as openai        (in place of `import openai`)
"""


class RemovedNameError(_old_api.APIRemovedInV1):
    """A name of openai 0.x was used on a module of openai 1.0 or later."""

    def __init__(self, *, symbol: str) -> None:
        text = _old_api.INSTRUCTIONS.format(symbol=symbol)
        OpenAIError.__init__(self, text if WAYS_OUT in text else text + WAYS_OUT)


class RemovedName(_old_api.APIRemovedInV1Proxy):
    """The placeholder for such a name: any attribute is itself, any call raises."""

    @override
    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise RemovedNameError(symbol=self._symbol)
