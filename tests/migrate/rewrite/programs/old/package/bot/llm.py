import openai
from openai.openai_object import OpenAIObject

from . import config


class Bot:
    def __init__(self, model=config.MODEL):
        self.chat = openai.ChatCompletion
        self.options = dict(model=model, temperature=0)

    def ask(self, text: str) -> str:
        answer = self.chat.create(messages=[{"role": "user", "content": text}], **self.options)
        assert isinstance(answer, OpenAIObject)
        return answer["choices"][0]["message"]["content"]
