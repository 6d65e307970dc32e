"""Offline tools to migrate a code base: find its uses of openai (`scan`) and edit them (`migrate`).

The scanned code is never imported, and nothing is downloaded.

- `sources`: find and read files.
- `facts`: extract the facts of one file with the standard `ast`; pure.
- `link`: resolve names across all files; pure.
- `uses`, `verdicts`, `findings`: the uses of openai, their verdicts from the catalog, and the reported findings.
- `report`: the output formats of `scan`.
- `rewrite`: the `migrate` command.
"""
