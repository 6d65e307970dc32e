"""smolagents: its OpenAI model, a tool-calling agent, a streamed run."""

from smolagents import ChatMessage, FinalAnswerTool, MessageRole, OpenAIServerModel, ToolCallingAgent, tool
from smolagents.agents import ActionStep, FinalAnswerStep


@tool
def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: the city
    """
    return f"18 degrees in {city}"


def said(text: str) -> list[ChatMessage]:
    return [
        ChatMessage(role=MessageRole.SYSTEM, content=[{"type": "text", "text": "Be brief."}]),
        ChatMessage(role=MessageRole.USER, content=[{"type": "text", "text": text}]),
    ]


def converse(model) -> None:
    answer = model.generate(said("Say hello."), stop_sequences=["Observation:"])
    assert answer.content == "Say hello."
    assert answer.token_usage.output_tokens > 0
    deltas = list(model.generate_stream(said("Slowly, and in pieces.")))
    assert "".join(delta.content or "" for delta in deltas) == "Slowly, and in pieces."
    assert deltas[-1].token_usage.output_tokens > 0
    asked = model.generate(said("What is the weather in Paris?"), tools_to_call_from=[get_weather])
    assert asked.tool_calls[0].function.name == "get_weather"
    schema = {
        "type": "json_schema",
        "json_schema": {
            "name": "person",
            "schema": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name", "age"],
                "additionalProperties": False,
            },
        },
    }
    typed = model.generate(said("Her name is Ann, and Ann is 31 years old."), response_format=schema)
    assert typed.content == '{"name": "Ann", "age": 31}'

    agent = ToolCallingAgent(tools=[get_weather], model=model, max_steps=4, verbosity_level=0)
    assert "Rome" in str(agent.run('What is the weather in "Rome"?'))
    observed = [step.observations for step in agent.memory.steps if isinstance(step, ActionStep)]
    assert observed[0] == "18 degrees in Rome"
    assert len(observed) == 2
    streaming = ToolCallingAgent([get_weather], model, max_steps=4, verbosity_level=0, stream_outputs=True)
    steps = list(streaming.run('What is the weather in "Oslo"?', stream=True))
    assert any(isinstance(step, ActionStep) for step in steps)
    assert isinstance(steps[-1], FinalAnswerStep)
    assert "Oslo" in str(steps[-1].output)
    assert FinalAnswerTool().name in agent.tools


if __name__ == "__main__":
    converse(OpenAIServerModel(model_id="gpt-4o", temperature=0.1, max_tokens=600))
