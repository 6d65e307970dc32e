"""Instructor around our clients."""

from instructor_program import all_modes

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    all_modes(OpenAI(), AsyncOpenAI())
