"""The edits of `migrate`: rules over the facts of the scanner, applied as spans.

    project = read_project(paths)        # bytes, facts and uses of every file
    plan = make_plan(project, rules)     # edits by file, verified; pure
    write_file(…)                        # atomic, one file at a time

- `rules`: one module per rule. A rule returns fixes and reports what it leaves alone; it never changes text.
- `edits`: apply spans to the text of a file; `notebook_spans` for notebooks.
- `plan`: select and verify the edits.
- `writing`: the only module that writes files.
"""
