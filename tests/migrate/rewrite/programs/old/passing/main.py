"""Answers that functions return and take, parameters that callers add, a name that is used again."""

import openai

openai.api_key = "sk-test"


def ask(text, **more):
    return openai.ChatCompletion.create(model="gpt-4", messages=[{"role": "user", "content": text}], **more)


def show(response, title="Answer"):
    choice = response["choices"][0]
    print(title, choice["message"]["role"], choice["finish_reason"])
    for number, one in enumerate(response["choices"]):
        print(number, one["message"]["content"])


class Log:
    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)
        return message["content"].upper()


log = Log()
response = ask("Hello.", temperature=0)
show(response, title="First")
print(log.note(response["choices"][0]["message"]))
response = ask("Again.")["choices"][0]["message"]
response = response["content"]
print(response)
print(len(log.lines), log.lines[0]["role"])
