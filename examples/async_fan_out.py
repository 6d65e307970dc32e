import asyncio

from openai import AsyncOpenAI


async def main() -> None:
    async with AsyncOpenAI() as client:

        async def ask(city: str) -> str:
            completion = await client.chat.completions.create(
                model="gpt-4.1-mini", messages=[{"role": "user", "content": f"One word about {city}."}]
            )
            return completion.choices[0].message.content

        cities = ["Paris", "Shanghai", "Nairobi", "Lima"]
        for city, answer in zip(cities, await asyncio.gather(*map(ask, cities))):
            print(f"{city}: {answer}")


asyncio.run(main())
