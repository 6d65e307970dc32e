"""Instructor: typed responses in every mode it has for OpenAI, streams, lists, retries, async."""

import asyncio
import warnings
from collections.abc import Iterable
from typing import ClassVar

import instructor
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field, field_validator


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class Doubted(BaseModel):
    name: str = Field(description="the name")
    seen: ClassVar[list[str]] = []

    @field_validator("name")
    @classmethod
    def seen_twice(cls, value: str) -> str:
        cls.seen.append(value)
        if len(cls.seen) == 1:
            raise ValueError("look again")
        return value


MODES = (
    instructor.Mode.TOOLS,
    instructor.Mode.TOOLS_STRICT,
    instructor.Mode.PARALLEL_TOOLS,
    instructor.Mode.FUNCTIONS,
    instructor.Mode.JSON,
    instructor.Mode.JSON_SCHEMA,
    instructor.Mode.MD_JSON,
    instructor.Mode.JSON_O1,
    instructor.Mode.RESPONSES_TOOLS,
)
ANN = Person(name="Ann", age=31)
MESSAGES = [{"role": "user", "content": "Her name is Ann, and Ann is 31 years old."}]


def wrapped(client, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # instructor has deprecated some of the modes
        return instructor.from_openai(client, mode=mode)


def extract(client, mode) -> None:
    if mode is instructor.Mode.PARALLEL_TOOLS:
        people = client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "Use Person for each: her name is Ann, and Ann is 31 years old."}],
            response_model=Iterable[Person],
        )
        assert list(people) == [ANN]
        return
    found = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, response_model=Person)
    assert isinstance(found, Person)
    assert found.model_dump() == ANN.model_dump(), (mode, found)
    person, completion = client.chat.completions.create_with_completion(
        model="gpt-4o", messages=MESSAGES, response_model=Person, temperature=0, max_tokens=400
    )
    assert person.name == "Ann"
    assert completion.usage.total_tokens > 0
    *_, last = client.chat.completions.create_partial(model="gpt-4o", messages=MESSAGES, response_model=Person)
    assert (last.name, last.age) == ("Ann", 31), (mode, last)
    people = list(client.chat.completions.create_iterable(model="gpt-4o", messages=MESSAGES, response_model=Person))
    assert people[0].model_dump() == ANN.model_dump(), (mode, people)


def retry(client, mode) -> None:
    Doubted.seen.clear()
    doubted = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, response_model=Doubted, max_retries=3)
    assert doubted.name == "Ann", mode
    assert len(Doubted.seen) > 1


async def extract_asynchronously(client, mode) -> None:
    person = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, response_model=Person)
    assert (person.name, person.age) == ("Ann", 31), mode
    stream = client.chat.completions.create_partial(model="gpt-4o", messages=MESSAGES, response_model=Person)
    *_, last = [part async for part in stream]
    assert (last.name, last.age) == ("Ann", 31)


async def all_asynchronously(client) -> None:
    for mode in MODES:
        if mode is not instructor.Mode.PARALLEL_TOOLS:
            await extract_asynchronously(wrapped(client, mode), mode)


def all_modes(client: OpenAI, async_client: AsyncOpenAI) -> None:
    for mode in MODES:
        extract(wrapped(client, mode), mode)
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON, instructor.Mode.JSON_SCHEMA):
        retry(wrapped(client, mode), mode)
    asyncio.run(all_asynchronously(async_client))
    patched = instructor.patch(client)
    assert patched.chat.completions.create(model="gpt-4o", messages=MESSAGES, response_model=Person).name == "Ann"


def main() -> None:
    all_modes(OpenAI(), AsyncOpenAI())
    client = instructor.from_provider("openai/gpt-4o")
    assert client.chat.completions.create(messages=MESSAGES, response_model=Person).name == "Ann"
    assert client.create(messages=MESSAGES, response_model=Person).name == "Ann"


if __name__ == "__main__":
    main()
