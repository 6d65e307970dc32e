import openai, json

client = openai.OpenAI()
raw = client.chat.completions.with_raw_response.create(
    model="gpt-4o", messages=[{"role": "user", "content": "Hello."}]
)
print(raw.status_code, json.loads(raw.text)["choices"][0]["message"]["content"], raw.parse().choices[0].message.content)
