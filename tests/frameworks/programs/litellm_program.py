"""LiteLLM through its OpenAI provider."""

import asyncio
import json

import litellm
from pydantic import BaseModel

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


class Person(BaseModel):
    name: str
    age: int


def said(text: str) -> list[dict]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def chat(**options) -> None:
    answer = litellm.completion(
        model="gpt-4o", messages=said("Say hello."), temperature=0.2, max_tokens=200, user="ann", **options
    )
    assert answer.choices[0].message.content == "Say hello."
    assert answer.usage.total_tokens > 0
    assert (
        litellm.completion(model="openai/gpt-4o", messages=said("Again."), **options).choices[0].message.content
        == "Again."
    )

    stream = litellm.completion(
        model="gpt-4o",
        messages=said("Slowly, and in pieces."),
        stream=True,
        stream_options={"include_usage": True},
        **options,
    )
    chunks = list(stream)
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Slowly, and in pieces."
    )
    whole = litellm.stream_chunk_builder(chunks)
    assert whole.choices[0].message.content == "Slowly, and in pieces."
    assert whole.usage.total_tokens > 0

    messages = said("What is the weather in Paris?")
    choice = litellm.completion(model="gpt-4o", messages=messages, tools=TOOLS, tool_choice="auto", **options).choices[
        0
    ]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"}]
    final = litellm.completion(model="gpt-4o", messages=messages, tools=TOOLS, **options)
    assert final.choices[0].message.content == "Here is what I found: 18 degrees"
    stream = litellm.completion(
        model="gpt-4o", messages=said("What is the weather in Rome?"), tools=TOOLS, stream=True, **options
    )
    whole = litellm.stream_chunk_builder(list(stream))
    assert json.loads(whole.choices[0].message.tool_calls[0].function.arguments) == {"city": "Rome"}

    typed = litellm.completion(
        model="gpt-4o", messages=said("Her name is Ann, and Ann is 31 years old."), response_format=Person, **options
    )
    assert Person.model_validate_json(typed.choices[0].message.content) == Person(name="Ann", age=31)

    try:
        litellm.completion(model="openai/step-0-nonexistent", messages=said("Hello."), **options)
    except litellm.NotFoundError:
        pass
    else:
        raise AssertionError("an unknown model was accepted")


async def asynchronous(**options) -> None:
    answer = await litellm.acompletion(model="gpt-4o", messages=said("Say hello."), **options)
    assert answer.choices[0].message.content == "Say hello."
    text = ""
    async for chunk in await litellm.acompletion(model="gpt-4o", messages=said("Slowly."), stream=True, **options):
        text += chunk.choices[0].delta.content or ""
    assert text == "Slowly."


def embed(**options) -> None:
    rows = litellm.embedding(
        model="text-embedding-3-small", input=["The kettle is blue.", "The cup is red."], **options
    ).data
    assert rows[0]["embedding"] != rows[1]["embedding"]


def main() -> None:
    chat()
    embed()
    router = litellm.Router(model_list=[{"model_name": "mine", "litellm_params": {"model": "openai/gpt-4o"}}])
    assert router.completion(model="mine", messages=said("Routed.")).choices[0].message.content == "Routed."
    asyncio.run(asynchronous())


if __name__ == "__main__":
    main()
