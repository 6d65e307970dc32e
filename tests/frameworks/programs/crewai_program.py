"""CrewAI: its model, an agent with a tool, a crew with a typed task, a stream of chunks."""

from crewai import LLM, Agent, Crew, Process, Task
from crewai.tools import tool
from pydantic import BaseModel


@tool("get_weather")
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


class Person(BaseModel):
    name: str
    age: int


def main() -> None:
    llm = LLM(model="gpt-4o", temperature=0.2, max_tokens=800)
    assert llm.call("Say hello.") == "Say hello."
    streaming = LLM(model="openai/gpt-4o", stream=True)
    assert streaming.call([{"role": "user", "content": "Slowly, and in pieces."}]) == "Slowly, and in pieces."
    person = LLM(model="gpt-4o").call("Her name is Ann, and Ann is 31 years old.", response_model=Person)
    assert (person if isinstance(person, Person) else Person.model_validate_json(person)) == Person(name="Ann", age=31)

    forecaster = Agent(
        role="Forecaster", goal="Tell the weather.", backstory="You read thermometers.", llm=llm, tools=[get_weather]
    )
    reader = Agent(role="Reader", goal="Read people.", backstory="You read letters.", llm=llm)
    weather = Task(description='What is the weather in "Paris"?', expected_output="The degrees.", agent=forecaster)
    reading = Task(
        description="Her name is Ann, and Ann is 31 years old.",
        expected_output="The person.",
        agent=reader,
        output_pydantic=Person,
    )
    done = Crew(agents=[forecaster, reader], tasks=[weather, reading], process=Process.sequential).kickoff()
    assert "18 degrees in Paris" in done.tasks_output[0].raw, done.tasks_output[0].raw
    assert isinstance(done.pydantic, Person)
    assert done.token_usage.total_tokens > 0


if __name__ == "__main__":
    main()
