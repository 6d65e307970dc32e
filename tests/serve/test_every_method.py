"""Every method of every resource of the stock client gives the same outcome through the server as our client in process."""

from __future__ import annotations

import anyio
import openai
import pytest

from stepfun_compat import stock
from tests.endpoints.test_all_methods import outcomes
from tests.support.serve import TOKEN, Served

OF_THE_SERVER = "unknown_url"
"""The error code for a path the server does not serve."""


def outcome_of(error: Exception | None) -> tuple[object, ...]:
    """The visible part of an outcome: the exception's openai class, status, code and parameter."""
    if error is None:
        return ("an answer",)
    known = next((cls for cls in type(error).__mro__ if cls.__module__.startswith("openai")), type(error))
    return (known.__name__, *(getattr(error, name, None) for name in ("status_code", "code", "param")))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::stepfun_compat.StepfunCompatWarning")
@pytest.mark.parametrize("wanted", [("absent",), ("works", "limits")], ids=" and ".join)
def test_every_method_has_the_same_outcome_as_in_process(
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
    monkeypatch.setenv("OPENAI_ADMIN_KEY", TOKEN)  # without it the admin methods send nothing

    found = anyio.run(ends)
    methods = [name for name in found["in process"] if ".connect" not in name]  # WebSockets are not served
    assert len(methods) > 60
    assert not [name for name in methods if getattr(found["served"][name], "code", None) == OF_THE_SERVER]
    for way in ("served", "served, async"):
        if wanted == ("absent",):  # some helpers reject these arguments before they send
            sent = [name for name in methods if isinstance(found[way][name], openai.APIStatusError)]
            assert len(methods) - len(sent) < 10
        else:
            sent = methods
        differing = {
            name: (outcome_of(found["in process"][name]), outcome_of(found[way][name]))
            for name in sent
            if outcome_of(found["in process"][name]) != outcome_of(found[way][name])
        }
        assert differing == {}
