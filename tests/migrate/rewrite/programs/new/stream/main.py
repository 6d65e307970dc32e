from openai import OpenAI

client = OpenAI()
with client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Count."}], stream=True
) as stream:
    text, reasons = "", []
    for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            if chunk.choices[0].finish_reason:
                reasons.append(chunk.choices[0].finish_reason)
print(text, reasons)
