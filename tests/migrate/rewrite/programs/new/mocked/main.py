from unittest.mock import MagicMock, patch

import openai


def ask():
    return openai.OpenAI().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello."}])


with patch("openai.OpenAI") as client:
    client.return_value = MagicMock()
    client.return_value.chat.completions.create.return_value = "mocked"
    print(ask())
print(ask().choices[0].message.content)
