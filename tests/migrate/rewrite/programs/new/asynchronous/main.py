import asyncio

from openai import (
    AsyncOpenAI,  # the client
    APIError,
)


async def main() -> None:
    async with AsyncOpenAI() as client:
        for question in ("One?", "Two?"):
            try:
                answer = await client.chat.completions.create(
                    model="gpt-4.1", messages=[{"role": "user", "content": question}]
                )
            except APIError as error:
                print(error)
            else:
                print(answer.choices[0].message.content)


asyncio.run(main())
