"""A stream on the terminal; the key is set in the main function, if there is one."""

import argparse
import os
import sys

import openai


def stream(text):
    for chunk in openai.ChatCompletion.create(
        model="gpt-4", messages=[{"role": "user", "content": text}], stream=True
    ):
        delta = chunk["choices"][0].get("delta")
        if not delta:
            continue
        content = delta.get("content", "")
        if content:
            sys.stdout.write(content)
            yield content


def set_key(given):
    if given:
        openai.api_key = given
    elif "OPENAI_API_KEY" in os.environ:
        openai.api_key = os.environ["OPENAI_API_KEY"]
    else:
        openai.api_key = os.getenv("OTHER_KEY")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", nargs="*", default=["Tell", "me."])
    parser.add_argument("--key")
    args = parser.parse_args()
    set_key(args.key)
    print(" =", len("".join(stream(" ".join(args.text)))))
    print(" =", sum(1 for _ in stream("More.")) > 0)


if __name__ == "__main__":
    main()
