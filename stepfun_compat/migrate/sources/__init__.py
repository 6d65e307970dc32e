"""Find files, and read those other than Python: notebooks, dependency files, settings."""
