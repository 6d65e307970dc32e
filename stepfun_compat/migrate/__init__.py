"""Offline tools for moving a code base: what it uses of openai (`scan`), and the edits that move it (`migrate`).

Nothing of the scanned code is imported and nothing is downloaded.

- `facts`: what one file says, from the standard `ast`; pure.
- `link`: what the names of all files mean together; pure.
- `findings`, `verdicts`: what is reported, and what becomes of it on StepFun, from the catalog's rows.
- `sources`: finding and reading files.
- `report`: the outputs.
"""
