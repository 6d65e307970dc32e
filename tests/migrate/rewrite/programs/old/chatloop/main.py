"""A conversation whose answers are streamed; the key and the organization are set on the module."""
import json
import os

import openai as ai

ai.organization = os.environ.get("OPENAI_ORG_OF_THIS_PROGRAM")
ai.api_key = (
    os.environ.get("OPENAI_API_KEY")  # in parentheses
)


class Conversation:
    def __init__(self, system):
        self.messages = [{"role": "system", "content": system}]

    def say(self, text):
        self.messages.append({"role": "user", "content": text})
        stream = ai.ChatCompletion.create(model="gpt-4", messages=self.messages, stream=True, temperature=0)
        pieces = []
        for chunk in stream:
            choice = chunk["choices"][0]
            delta = choice["delta"]
            piece = delta.get("content", "") + ""
            if "role" in delta and delta["role"] != "assistant":
                raise SystemExit("somebody else")
            if piece:
                pieces.append(piece)
            if choice["finish_reason"] is not None:
                print("=>", choice["finish_reason"])
        self.messages.append({"role": "assistant", "content": "".join(pieces)})
        return "".join(pieces)


if __name__ == "__main__":
    talk = Conversation("Be brief.")
    print(talk.say("Grüße?"))
    print(talk.say("And again?"))
    print(json.dumps(talk.messages, ensure_ascii=False))
