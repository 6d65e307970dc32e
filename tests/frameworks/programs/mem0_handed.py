"""Mem0 with our clients set on its model and embedder."""

import tempfile

from mem0_program import memory_in, remember

from stepfun_compat import OpenAI

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        memory = memory_in(folder)
        memory.llm.client = memory.embedding_model.client = OpenAI()
        remember(memory)
