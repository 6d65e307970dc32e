"""smolagents with our client set on its model."""

from smolagents import OpenAIServerModel
from smolagents_program import converse

from stepfun_compat import OpenAI

if __name__ == "__main__":
    model = OpenAIServerModel(model_id="gpt-4o")
    model.client = OpenAI()
    converse(model)
