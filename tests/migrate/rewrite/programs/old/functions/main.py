import json

import openai

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
messages = [{"role": "user", "content": "The weather in Paris?"}]
message = openai.ChatCompletion.create(
    model="gpt-3.5-turbo-0613", messages=messages, functions=[WEATHER], function_call="auto"
)["choices"][0]["message"]
if message.get("function_call"):
    arguments = json.loads(message["function_call"]["arguments"])
    print(message["function_call"]["name"], arguments)
    messages += [message, {"role": "function", "name": "get_weather", "content": json.dumps({"degrees": 20})}]
    print(openai.ChatCompletion.create(model="gpt-3.5-turbo-0613", messages=messages).choices[0].message.content)
