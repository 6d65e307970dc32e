from openai import ChatCompletion, Completion

answer = ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Name a colour."}], n=1)
for number, choice in enumerate(answer["choices"]):
    print(f"{number}. {choice['message']['role']}: {choice['message'].get('content', '')!r:>30} {choice['finish_reason']}")
print(len(answer.choices), answer["object"], [one["index"] for one in answer.get("choices")])
if answer.get("usage") and answer["usage"]["total_tokens"] > 0:
    print("counted", answer["usage"].get("total_tokens", 0) == answer.usage.prompt_tokens + answer.usage.completion_tokens)

for text in Completion.create(engine="text-davinci-003", prompt="Once upon a time", max_tokens=200)["choices"]:
    print(text["text"].strip(), text.finish_reason)
