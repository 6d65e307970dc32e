"""Batches: OpenAI's `/batches` on this machine. Engine, journal, limiter and files; the client calls them."""
