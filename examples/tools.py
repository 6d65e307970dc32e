import json

from openai import OpenAI

client = OpenAI()
tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The current weather of a city.",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["city", "unit"],
                "additionalProperties": False,
            },
        },
    }
]
messages = [{"role": "user", "content": "What is the weather in Paris?"}]
response = client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools, tool_choice="required")
message = response.choices[0].message
messages.append(message)
for call in message.tool_calls:
    arguments = json.loads(call.function.arguments)
    print("call:", call.function.name, arguments)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": f"18 degrees in {arguments['city']}"})
print(client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools).choices[0].message.content)
