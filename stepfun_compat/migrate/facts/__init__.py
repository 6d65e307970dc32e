"""Extract the facts of one file: its imports, bindings, calls, reads and writes, each with its span.

    text = decode(data)                      # bytes -> SourceText, offsets into UTF-8
    tree = parse(text.utf8)                  # ast, without warnings
    facts = facts_of(tree, text.utf8.decode())
    facts.imports[0].names[0].bound          # dataclasses of `model`

There is no I/O here. `model` documents every record.
"""

from .ignores import ignored_rules
from .model import FileFacts
from .python import facts_of, parse
from .source import SourceText, Undecodable, decode

__all__ = ["FileFacts", "SourceText", "Undecodable", "decode", "facts_of", "ignored_rules", "parse"]
