import openai
from openai import OpenAI, RateLimitError

client = OpenAI(max_retries=0)
messages = [{"role": "user", "content": "Hello."}]
try:
    client.chat.completions.create(model="gpt-4o", messages=messages)
except RateLimitError as error:
    print(error.status_code, isinstance(error, openai.APIStatusError))
print(client.with_options(timeout=30).chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content)
