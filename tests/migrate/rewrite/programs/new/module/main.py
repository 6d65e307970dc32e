import os
import openai

openai.api_key = os.environ["OPENAI_API_KEY"]
openai.max_retries = 1
answer = openai.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello."}])
print(answer.choices[0].message.content)
