import asyncio

import openai


async def ask(question):
    answer = await openai.ChatCompletion.acreate(model="gpt-4", messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content.strip()


async def main():
    print(await ask("One?"))
    parts = []
    async for chunk in await openai.ChatCompletion.acreate(
        model="gpt-4", messages=[{"role": "user", "content": "Two?"}], stream=True
    ):
        parts.append(chunk["choices"][0]["delta"].get("content", ""))
    print("".join(parts))


asyncio.run(main())
