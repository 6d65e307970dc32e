"""OpenAI's Batch API (`/batches`), executed on this machine: engine, journal, rate limiter and files."""
