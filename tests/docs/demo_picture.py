"""The picture of the demo in the README: the command's output, drawn as a terminal.

`python -m tests.docs.demo_picture` runs the demo and writes `docs/assets/demo.svg`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from html import escape, unescape
from pathlib import Path

PICTURE = Path(__file__).parents[2] / "docs" / "assets" / "demo.svg"
COMMAND = ("demo", "chat", "tools")
_WIDTH = 104
_LINE, _CHARACTER = 20, 8.43
_COLOURS = (("$ ", "#7ee787"), ("=== ", "#79c0ff"), ("  |", "#8b949e"))


def demo_output() -> str:
    """Run the command and return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", *COMMAND], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def _wrapped(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.strip("\n").splitlines():
        mark = re.match(r"  \| +", line)
        indent = mark.group() + "  " if mark is not None else ""
        lines += textwrap.wrap(line, _WIDTH, subsequent_indent=indent, replace_whitespace=False) or [""]
    return lines


def drawn(text: str) -> str:
    """Draw the text as an SVG of a terminal."""
    lines = [f"$ stepfun-compat {' '.join(COMMAND)}", *_wrapped(text)]
    width, height = round(_WIDTH * _CHARACTER) + 40, len(lines) * _LINE + 64
    rows: list[str] = []
    for number, line in enumerate(lines):
        colour = next((colour for start, colour in _COLOURS if line.startswith(start)), "#e6edf3")
        place = 58 + number * _LINE
        rows.append(f'<text x="20" y="{place}" fill="{colour}" xml:space="preserve">{escape(line, quote=False)}</text>')
    dots = "".join(
        f'<circle cx="{22 + 20 * i}" cy="20" r="6" fill="{c}"/>'
        for i, c in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'role="img" aria-label="stepfun-compat demo: unmodified OpenAI programs on an emulator of StepFun">',
            f'<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>',
            dots,
            '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">',
            *rows,
            "</g>",
            "</svg>",
            "",
        ]
    )


def words(picture: str) -> list[str]:
    """The words in a picture, in order."""
    return unescape(" ".join(re.findall(r"<text[^>]*>(.*?)</text>", picture))).split()


if __name__ == "__main__":
    PICTURE.write_text(drawn(demo_output()), encoding="utf-8")
