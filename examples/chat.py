from openai import OpenAI

client = OpenAI()
completion = client.chat.completions.create(
    model="gpt-4o",
    max_tokens=64,
    messages=[
        {"role": "developer", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Say this is a test."},
    ],
)
print(completion.choices[0].message.content)
print("model:", completion.model, "finish_reason:", completion.choices[0].finish_reason)
