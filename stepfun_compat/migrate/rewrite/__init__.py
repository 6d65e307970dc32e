"""The edits of `migrate`: rules over the facts of the scanner, applied as spans.

    project = read_project(paths)        # bytes, facts and uses of every file
    plan = make_plan(project, rules)     # edits by file, verified; pure
    write_file(…)                        # atomic, one file at a time

- `rules`: one module for each rule. A rule returns fixes and says what it leaves alone; it never touches text.
- `edits`: spans into the text of a file, and the new bytes of the file; `notebook_spans` for notebooks.
- `plan`: which edits are made, and the proof that they did what they say.
- `writing`: the only module that changes files.
"""
