"""Other layers over openai's client, doing the same work in the same run; those that are not installed are skipped and
listed. Lower is cheaper: CPU over the plain client's."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from typing import Any

from measure import cpu, in_child

from stepfun_compat import Settings, stock

MODEL = "step-3.7-flash"
TIMES = 20


def messages() -> list[Any]:
    return [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]


def asked() -> list[Any]:
    return [*messages(), {"role": "user", "content": "and now?"}]


Pair = tuple[Callable[[], Any], Callable[[], Any]]  # one call; one stream of 200 chunks, read to its end


def plain(url: str) -> Pair:
    return over(stock.OpenAI(api_key="k", base_url=url))


def ours(url: str) -> Pair:
    import stepfun_compat

    return over(stepfun_compat.OpenAI(settings=Settings(base_url=url, api_key="k")))


def over(client: Any) -> Pair:
    def call() -> Any:
        return client.chat.completions.create(model=MODEL, messages=asked())

    def stream() -> Any:
        return list(client.chat.completions.create(model=MODEL, messages=asked(), stream=True))

    return call, stream


def instructor(url: str) -> Pair:
    import instructor as layer

    client = layer.from_openai(stock.OpenAI(api_key="k", base_url=url))

    def call() -> Any:
        return client.chat.completions.create(model=MODEL, messages=asked(), response_model=None)

    def stream() -> Any:
        return list(client.chat.completions.create(model=MODEL, messages=asked(), response_model=None, stream=True))

    return call, stream


def portkey(url: str) -> Pair:
    from portkey_ai import Portkey

    return over(Portkey(api_key="k", base_url=url, virtual_key="v"))


def langchain(url: str) -> Pair:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model=MODEL, api_key="k", base_url=url, use_responses_api=False)  # type: ignore[arg-type]
    turns = [(row["role"], row["content"]) for row in asked()]
    return lambda: model.invoke(turns), lambda: list(model.stream(turns))


def aisuite(url: str) -> Pair:
    import aisuite as layer

    client = layer.Client({"openai": {"api_key": "k", "base_url": url}})

    def call() -> Any:
        return client.chat.completions.create(model=f"openai:{MODEL}", messages=asked())

    def stream() -> Any:
        return list(client.chat.completions.create(model=f"openai:{MODEL}", messages=asked(), stream=True))

    return call, stream


def any_llm(url: str) -> Pair:
    from any_llm import completion

    given = {"model": MODEL, "provider": "openai", "api_key": "k", "api_base": url}
    return (
        lambda: completion(messages=asked(), **given),
        lambda: list(completion(messages=asked(), stream=True, **given)),
    )


def pydantic_ai(url: str) -> Pair:
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=url, api_key="k")))

    def stream() -> Any:
        import asyncio

        async def read() -> list[Any]:
            async with agent.run_stream("and now?") as answer:
                return [text async for text in answer.stream_text(delta=True, debounce_by=None)]

        return asyncio.run(read())

    return lambda: agent.run_sync("and now?"), stream


PEERS: dict[str, tuple[str, str, Callable[[str], Pair]]] = {
    "stepfun_compat": ("stepfun_compat", "from stepfun_compat import OpenAI", ours),
    "portkey-ai": ("portkey_ai", "from portkey_ai import Portkey", portkey),
    "instructor": ("instructor", "import instructor", instructor),
    "aisuite": ("aisuite", "import aisuite; aisuite.Client()", aisuite),
    "langchain-openai": ("langchain_openai", "from langchain_openai import ChatOpenAI", langchain),
    "any-llm-sdk": ("any_llm", "from any_llm import completion", any_llm),
    "pydantic-ai-slim": ("pydantic_ai", "from pydantic_ai.models.openai import OpenAIChatModel", pydantic_ai),
}

_IMPORT = (
    "import json, sys, time; t = time.process_time(); exec(sys.argv[1]); print(json.dumps(time.process_time() - t))"
)


def measure(port: int, rounds: int) -> list[dict[str, Any]]:
    """Return one row per layer: its CPU over the plain client's, for the import, a call and a stream."""
    url = f"http://127.0.0.1:{port}/v1"
    base = plain(url)
    rows: list[dict[str, Any]] = [
        {"name": "plain / plain", **compared(base, base, rounds), "import": started("import openai")}
    ]
    for name, (module, statement, make) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            rows.append({"name": name, "skipped": "not installed"})
            continue
        row: dict[str, Any] = {"name": f"{name} {version(name)}".strip(), "import": started(statement)}
        try:
            row.update(compared(base, make(url), rounds))
        except Exception as error:  # report a layer that fails
            row["failed"] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
        rows.append(row)
    return rows


def compared(base: Pair, other: Pair, rounds: int) -> dict[str, Any]:
    def ratio(a: Callable[[], Any], b: Callable[[], Any], times: int) -> float:
        def many(work: Callable[[], Any]) -> Callable[[], None]:
            return lambda: [work() for _ in range(times)] and None

        a(), b()
        return statistics.median(cpu(many(b)) / cpu(many(a)) for _ in range(rounds))

    return {"call": ratio(base[0], other[0], TIMES), "stream": ratio(base[1], other[1], 2)}


def started(statement: str, rounds: int = 5) -> float:
    """Return the CPU of an import in a new process over that of `import openai`."""
    in_child(_IMPORT, statement)
    return statistics.median(in_child(_IMPORT, statement) / in_child(_IMPORT, "import openai") for _ in range(rounds))


def version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    try:
        return of(name)
    except PackageNotFoundError:
        return ""


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = ["CPU over the plain client's, in one run (lower is cheaper):", ""]
    lines += ["| layer | import | call | stream of 200 chunks |", "|---|---|---|---|"]
    for row in rows:
        if "skipped" in row:
            lines.append(f"| {row['name']} | {row['skipped']} | | |")
            continue
        shown = [f"{row[name]:.2f}" if name in row else row.get("failed", "") for name in ("call", "stream")]
        lines.append(f"| {row['name']} | {row['import']:.2f} | {shown[0]} | {shown[1]} |")
    return "\n".join(lines)
