"""Offline tools for migrating a code base: find its uses of openai (`scan`) and edit them (`migrate`).

The scanned code is never imported, and nothing is downloaded.

- `facts`: extract the facts of one file with the standard `ast`; pure.
- `link`: resolve names across all files; pure.
- `findings`, `verdicts`: the reported findings, and their verdicts on StepFun from the catalog's rows.
- `sources`: find and read files.
- `report`: the output formats.
"""
