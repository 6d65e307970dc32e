"""Mem0: facts extracted by the model, stored and found by embeddings, in a store on disk."""

import tempfile

from mem0 import Memory


def memory_in(folder: str) -> Memory:
    return Memory.from_config(
        {
            "llm": {"provider": "openai", "config": {"model": "gpt-4o", "temperature": 0.1, "max_tokens": 800}},
            "embedder": {"provider": "openai", "config": {"model": "text-embedding-3-small", "embedding_dims": 64}},
            "vector_store": {
                "provider": "qdrant",
                "config": {"path": f"{folder}/qdrant", "embedding_model_dims": 64, "on_disk": False},
            },
            "history_db_path": f"{folder}/history.db",
        }
    )


def remember(memory: Memory) -> None:
    memory.add("The kettle of Ann is blue.", user_id="ann", infer=False)
    memory.add("The cup of Ann is red.", user_id="ann", infer=False)
    found = memory.search("What colour is the kettle?", filters={"user_id": "ann"}, top_k=1)["results"]
    assert [item["memory"] for item in found] == ["The kettle of Ann is blue."]
    read = memory.add([{"role": "user", "content": 'I like "green tea".'}], user_id="bob")["results"]
    assert isinstance(read, list)
    assert len(memory.get_all(filters={"user_id": "ann"})["results"]) == 2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        remember(memory_in(folder))
