"""The output formats of the scanner."""
