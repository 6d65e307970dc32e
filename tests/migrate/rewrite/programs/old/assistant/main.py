"""A class that keeps a conversation; the key is set where an instance is made."""

import openai


class Assistant:
    def __init__(self, api_key, model="gpt-3.5-turbo", system=""):
        openai.api_key = api_key
        self.model = model
        self.messages = []
        if system:
            self.messages.append({"role": "system", "content": system})

    def __call__(self, text):
        self.messages.append({"role": "user", "content": text})
        answer = self.execute()
        self.messages.append({"role": "assistant", "content": answer})
        return answer

    def execute(self):
        completion = openai.ChatCompletion.create(model=self.model, messages=self.messages)
        return completion.choices[0].message.content


assistant = Assistant("sk-given", system="Be brief.")
print(assistant("Hello."))
print(assistant("And now?"))
print(len(assistant.messages), assistant.messages[-1])
