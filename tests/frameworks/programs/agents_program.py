"""The OpenAI Agents SDK: agents with tools, handoffs, typed outputs, guardrails, sessions and streams."""

import asyncio

from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    ItemHelpers,
    ModelSettings,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
    input_guardrail,
    set_default_openai_api,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


class Person(BaseModel):
    name: str
    age: int


@input_guardrail
async def only_weather(context, agent, text) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="homework" in str(text))


async def converse(**model) -> None:
    """Hold the same conversations with any API and model object."""
    assistant = Agent(name="Assistant", instructions="Be brief.", **model)
    assert (await Runner.run(assistant, "Say hello.")).final_output == "Say hello."

    weather = Agent(name="Weather", instructions="Answer about weather.", tools=[get_weather], **model)
    result = await Runner.run(weather, "What is the weather in Paris?")
    assert result.final_output == "Here is what I found: 18 degrees in Paris"
    assert result.context_wrapper.usage.requests == 2
    assert result.context_wrapper.usage.total_tokens > 0

    streamed = Runner.run_streamed(weather, "What is the weather in Paris and Tokyo?")
    text, outputs = "", []
    async for event in streamed.stream_events():
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
            text += event.data.delta
        elif event.type == "run_item_stream_event" and event.item.type == "tool_call_output_item":
            outputs.append(event.item.output)
        elif event.type == "run_item_stream_event" and event.item.type == "message_output_item":
            assert ItemHelpers.text_message_output(event.item) == text
    assert sorted(outputs) == ["18 degrees in Paris", "18 degrees in Tokyo"]
    assert streamed.final_output == text

    typed = Agent(name="Reader", instructions="Read the person.", output_type=Person, **model)
    read = await Runner.run(typed, "Her name is Ann, and Ann is 31 years old.")
    assert read.final_output == Person(name="Ann", age=31)
    streamed = Runner.run_streamed(typed, "Her name is Ann, and Ann is 31 years old.")
    async for _ in streamed.stream_events():
        pass
    assert streamed.final_output_as(Person).age == 31

    triage = Agent(name="Triage", instructions="Hand over.", handoffs=[weather], **model)
    handed = await Runner.run(triage, "Please transfer_to_weather, then get_weather of Rome.")
    assert handed.last_agent.name == "Weather"
    assert handed.final_output.endswith("18 degrees in Rome"), handed.final_output

    delegating = Agent(
        name="Boss",
        tools=[assistant.as_tool("ask_assistant", "Ask the assistant.")],
        model_settings=ModelSettings(
            tool_choice="required", temperature=0.2, max_tokens=400, parallel_tool_calls=False
        ),
        **model,
    )
    assert "Here is what I found" in (await Runner.run(delegating, "Say hello.")).final_output

    guarded = Agent(name="Guarded", input_guardrails=[only_weather], **model)
    try:
        await Runner.run(guarded, "Do my homework.")
    except InputGuardrailTripwireTriggered:
        pass
    else:
        raise AssertionError("the guardrail did not trip")

    session = SQLiteSession("a-user")
    await Runner.run(assistant, "My name is Ann.", session=session)
    second = await Runner.run(assistant, "What is my name?", session=session)
    assert second.final_output == "What is my name?"
    kept = [item for item in await session.get_items() if item.get("role")]
    assert [item["role"] for item in kept] == ["user", "assistant", "user", "assistant"]

    third = await Runner.run(assistant, [*second.to_input_list(), {"role": "user", "content": "And now?"}])
    assert third.final_output == "And now?"


async def main() -> None:
    await converse(model="gpt-4o")  # over Responses, the default
    first = await Runner.run(Agent(name="Assistant", model="gpt-4o"), "Say hello.")
    assert first.last_response_id
    chained = await Runner.run(
        Agent(name="Assistant", model="gpt-4o"), "And again.", previous_response_id=first.last_response_id
    )
    assert chained.final_output == "And again."
    await converse(model=OpenAIChatCompletionsModel("gpt-4o", openai_client=AsyncOpenAI()))
    set_default_openai_api("chat_completions")
    await converse(model="gpt-4o")
    assert (
        await Runner.run(Agent(name="No model named"), "Hello.", run_config=RunConfig(model="gpt-4.1"))
    ).final_output


if __name__ == "__main__":
    asyncio.run(main())
