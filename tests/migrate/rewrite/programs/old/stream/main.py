import sys

import openai


def stream(prompt):
    text = ""
    for chunk in openai.ChatCompletion.create(
        model="gpt-4", messages=[{"role": "user", "content": prompt}], stream=True
    ):
        delta = chunk["choices"][0]["delta"]
        if "content" in delta:
            text += delta["content"]
        if chunk.choices[0].finish_reason:
            print("finished:", chunk.choices[0].finish_reason)
    return text


print(stream("Count."))
sys.stdout.flush()
