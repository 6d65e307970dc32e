"""DSPy: predictors, typed signatures, chains, an agent with tools, streams, embeddings."""

import asyncio

import dspy
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


class Read(dspy.Signature):
    """Read the person."""

    text: str = dspy.InputField()
    person: Person = dspy.OutputField()


class Act(dspy.Signature):
    """Answer with the tools."""

    question: str = dspy.InputField()
    tools: list[dspy.Tool] = dspy.InputField()
    calls: dspy.ToolCalls = dspy.OutputField()


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


def main() -> None:
    lm = dspy.LM("openai/gpt-4o", temperature=0.3, max_tokens=800, cache=False)
    dspy.configure(lm=lm)
    (answer,) = lm("Say hello.")
    assert (answer["text"] if isinstance(answer, dict) else answer) == "Say hello.", answer
    assert lm.history[-1]["usage"]["total_tokens"] > 0

    with dspy.context(adapter=dspy.JSONAdapter()):
        read = dspy.Predict(Read)(text="Her name is Ann, and Ann is 31 years old.")
        assert isinstance(read.person, Person)
        thought = dspy.ChainOfThought("question -> answer: int")(question="How many legs have 3 cats?")
        assert isinstance(thought.answer, int)
        assert thought.reasoning
        parallel = dspy.Predict("question -> answer").batch(
            [dspy.Example(question=q).with_inputs("question") for q in ("A?", "B?")]
        )
        assert len(parallel) == 2

        answer = asyncio.run(dspy.Predict("question -> answer").acall(question="Where is Paris?"))
        assert answer.answer

    with dspy.context(adapter=dspy.ChatAdapter(use_native_function_calling=True)):
        called = dspy.Predict(Act)(question="What is the weather in Paris?", tools=[dspy.Tool(get_weather)])
        (call,) = called.calls.tool_calls
        assert call.name == "get_weather"
        assert set(call.args) == {"city"}

    embedder = dspy.Embedder("openai/text-embedding-3-small", caching=False)
    search = dspy.retrievers.Embeddings(
        corpus=["The kettle is blue.", "The cup is red."], embedder=embedder, k=1, brute_force_threshold=10
    )
    assert search("What colour is the kettle?").passages == ["The kettle is blue."]


if __name__ == "__main__":
    main()
