"""Ragas with our clients passed to its factories."""

import asyncio

from ragas_program import generate, judge

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    generate(OpenAI())
    asyncio.run(judge(AsyncOpenAI()))
