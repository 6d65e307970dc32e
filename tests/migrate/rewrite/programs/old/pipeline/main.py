import asyncio

from openai import ChatCompletion
from openai.error import OpenAIError, RateLimitError as TooMany


async def ask(question):
    answer = None
    while not answer:
        try:
            answer = await ChatCompletion.acreate(model="gpt-4", messages=[{"role": "user", "content": question}])
        except TooMany as problem:
            print("slower", problem.http_status)
        except OpenAIError:
            raise
    return (answer["choices"][0]["message"]["content"], answer["model"] != "")


async def tell(question):
    stream = await ChatCompletion.acreate(
        model="gpt-4", messages=[{"role": "user", "content": question}], stream=True
    )
    return "".join([chunk["choices"][0]["delta"].get("content") or "" async for chunk in stream])


async def main():
    print(await ask("One?"))
    print(await tell("Two?"))


asyncio.run(main())
