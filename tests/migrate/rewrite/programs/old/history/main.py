import openai as ai

history = [{"role": "system", "content": "You keep count."}]
for question in ("How many?", "And now?"):
    history.append({"role": "user", "content": question})
    reply = ai.ChatCompletion.create(model="gpt-3.5-turbo", messages=history)["choices"][0]["message"]
    history.append(reply)
for message in history:
    print(f"{message['role']}: {message['content']}")
print(dict(**history[-1])["role"], "content" in history[-1], list(history[1]))
