"""DeepEval: its OpenAI model, and metrics judged by it."""

import asyncio

from deepeval.metrics import AnswerRelevancyMetric, GEval
from deepeval.models import GPTModel
from deepeval.test_case import LLMTestCase, LLMTestCaseParams
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


def main() -> None:
    model = GPTModel(model="gpt-4o", temperature=0)
    text, cost = model.generate("Say hello.")
    assert text == "Say hello."
    assert cost is None or cost >= 0
    person, _ = model.generate("Her name is Ann, and Ann is 31 years old.", schema=Person)
    assert person == Person(name="Ann", age=31)
    person, _ = asyncio.run(model.a_generate("Her name is Ann, and Ann is 31 years old.", schema=Person))
    assert person == Person(name="Ann", age=31)

    case = LLMTestCase(input="What colour is the kettle?", actual_output="The kettle is blue.")
    for asynchronous in (True, False):
        relevancy = AnswerRelevancyMetric(model="gpt-4o", threshold=0.1, async_mode=asynchronous)
        relevancy.measure(case)
        assert 0 <= relevancy.score <= 1
        assert relevancy.reason
    judge = GEval(
        name="Correctness",
        criteria="Is the answer about the kettle?",
        evaluation_params=[LLMTestCaseParams.INPUT, LLMTestCaseParams.ACTUAL_OUTPUT],
        model=GPTModel(model="gpt-4o"),
        async_mode=False,
    )
    judge.measure(case)
    assert judge.score is not None


if __name__ == "__main__":
    main()
