import os

MODEL = os.environ.get("MODEL", "gpt-4o")


def check() -> None:
    if "OPENAI_API_KEY" not in os.environ:
        raise SystemExit("OPENAI_API_KEY is not set")
