import json

from openai import OpenAI

client = OpenAI()
tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
messages = [{"role": "user", "content": "The weather in Paris?"}]
first = client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools).choices[0]
print(first.finish_reason)
messages.append(first.message)
for call in first.message.tool_calls:
    print(call.function.name, json.loads(call.function.arguments))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "20 degrees"})
print(client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools).choices[0].message.content)
