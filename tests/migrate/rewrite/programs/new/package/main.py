from app import settings
from app.clients import client

settings.check()


class Service:
    def __init__(self, llm):
        self.chat = llm.chat.completions

    def ask(self, text):
        return self.chat.create(model=settings.MODEL, messages=[{"role": "user", "content": text}])


print(Service(client()).ask("Hello.").choices[0].message.content)
