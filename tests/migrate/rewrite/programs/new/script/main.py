import os

from openai import OpenAI

client = OpenAI(api_key=os.environ.get("OPENAI_API_KEY"))
completion = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Grüße, 世界?"}],
)
message = completion.choices[0].message
print(message.content, message.role, completion.choices[0].finish_reason, completion.object)
