"""Finding files and reading what is no Python: notebooks, dependency files, settings."""
