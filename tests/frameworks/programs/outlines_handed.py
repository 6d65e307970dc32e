"""Outlines around our clients."""

import asyncio

from outlines_program import asynchronous, converse

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    converse(OpenAI())
    asyncio.run(asynchronous(AsyncOpenAI()))
