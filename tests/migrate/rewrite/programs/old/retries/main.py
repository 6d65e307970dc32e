import os
import time

import openai
from openai.error import InvalidRequestError, Timeout

openai.api_key = os.getenv("OPENAI_API_KEY")  # from the environment


def ask(prompt, times=3):
    for attempt in range(times):
        try:
            response = openai.ChatCompletion.create(
                model="gpt-4",
                messages=[{"role": "user", "content": prompt}],
                request_timeout=60,
            )
            return response["choices"][0]["message"]["content"].strip()
        except openai.error.RateLimitError as error:
            print(f"attempt {attempt}: {error.http_status}")
            time.sleep(0)
        except (Timeout, openai.error.APIConnectionError):
            print("no connection")
        except InvalidRequestError as error:
            print("refused", error.http_status, isinstance(error, openai.error.OpenAIError))
            return "nothing"
    return None


print(ask("First?"))
print(ask("Second?"))
