"""Every method of every resource of the stock client, through the server: it ends as with our client in process."""

from __future__ import annotations

import anyio
import openai
import pytest

from stepfun_compat import stock
from tests.endpoints.test_all_methods import outcomes
from tests.support.serve import TOKEN, Served

OF_THE_SERVER = "unknown_url"
"""The code of the error for a path that the server does not pass on."""


def told(error: Exception | None) -> tuple[object, ...]:
    """What a program learns of an outcome: the class of the exception, its status, code and parameter."""
    if error is None:
        return ("an answer",)
    known = next((cls for cls in type(error).__mro__ if cls.__module__.startswith("openai")), type(error))
    return (known.__name__, *(getattr(error, name, None) for name in ("status_code", "code", "param")))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::stepfun_compat.StepfunCompatWarning")
@pytest.mark.parametrize("wanted", [("absent",), ("works", "limits")], ids=" and ".join)
def test_every_method_ends_as_in_process(
    served: Served, wanted: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ends() -> dict[str, dict[str, Exception | None]]:
        found = {"in process": await outcomes(served.in_process(), wanted)}
        served.emulator.reset()
        async with stock.AsyncOpenAI(base_url=served.base_url, max_retries=0) as client:
            found["served, async"] = await outcomes(client, wanted)
        served.emulator.reset()
        with stock.OpenAI(base_url=served.base_url, max_retries=0) as client:
            found["served"] = await outcomes(client, wanted)
        return found

    monkeypatch.setenv("OPENAI_API_KEY", TOKEN)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", TOKEN)  # without which the methods for administrators send nothing

    found = anyio.run(ends)
    methods = [name for name in found["in process"] if ".connect" not in name]  # sockets are not served
    assert len(methods) > 60
    assert not [name for name in methods if getattr(found["served"][name], "code", None) == OF_THE_SERVER]
    for way in ("served", "served, async"):
        if wanted == ("absent",):  # some helpers read their arguments before they send, and these mean nothing
            sent = [name for name in methods if isinstance(found[way][name], openai.APIStatusError)]
            assert len(methods) - len(sent) < 10
        else:
            sent = methods
        differing = {
            name: (told(found["in process"][name]), told(found[way][name]))
            for name in sent
            if told(found["in process"][name]) != told(found[way][name])
        }
        assert differing == {}
