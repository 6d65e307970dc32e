"""The `migrate` command: rules that edit source files.

    project = read_project(paths)        # bytes, facts and uses of every file
    plan = make_plan(project, rules)     # edits by file, verified; pure
    write_file(…)                        # atomic, one file at a time

- `rules`: one module per rule. A rule returns fixes and reports the places it leaves alone; it never changes text.
- `edits`: apply edits to the text of a file; `notebook_spans` does so for notebooks.
- `plan`: select and verify the edits.
- `writing`: the only module that writes files.
"""
