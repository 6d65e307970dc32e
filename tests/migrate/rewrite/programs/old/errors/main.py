import openai
from openai.error import APIError, RateLimitError  # openai<1.0

try:
    openai.ChatCompletion.create(model="gpt-4", messages=[{"role": "user", "content": "Hello."}])
except RateLimitError as error:
    print(type(error).__name__, error.http_status, isinstance(error, openai.error.OpenAIError), isinstance(error, APIError))
answer = openai.ChatCompletion.create(model="gpt-4", messages=[{"role": "user", "content": "Hello."}], request_timeout=30)
print(answer.choices[0].message.content)
