"""Guidance: roles, captures, JSON."""

import guidance
from guidance import assistant, gen, models, system, user
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


def main() -> None:
    lm = models.OpenAI("gpt-4o", echo=False)
    with system():
        lm += "Be brief."
    with user():
        lm += "Say hello."
    with assistant():
        lm += gen("greeting", max_tokens=200, temperature=0.2)
    assert lm["greeting"] == "Say hello."
    with user():
        lm += "Her name is Ann, and Ann is 31 years old."
    with assistant():
        lm += guidance.json("person", schema=Person)
    assert Person.model_validate_json(lm["person"]) == Person(name="Ann", age=31)


if __name__ == "__main__":
    main()
