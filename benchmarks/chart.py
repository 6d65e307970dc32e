"""Draw the figures as a bar chart on a logarithmic scale, in plain SVG for light and dark pages."""

from __future__ import annotations

from math import log2
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, ROW, TOP = 860, 300, 26, 56
MOST = 5  # doublings to the right of 1


def draw(figures: dict[str, Any]) -> str:
    rows = figures["figures"]
    height = TOP + ROW * len(rows) + 40
    v = figures["versions"]
    title = f"CPU of plain openai {v['openai']} over stepfun_compat {v['stepfun_compat']} (right of 1: ours is cheaper)"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        "<style>text{fill:#24292f}line{stroke:#8c959f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>",
        f'<text x="12" y="24" font-size="14" font-weight="600">{escape(title)}</text>',
    ]
    for doubling in range(MOST + 1):
        x = place(2**doubling)
        out.append(f'<line x1="{x:.0f}" y1="{TOP - 14}" x2="{x:.0f}" y2="{height - 34}" stroke-width="0.5"/>')
        out.append(f'<text x="{x:.0f}" y="{height - 18}" text-anchor="middle">{2**doubling}</text>')
    for i, row in enumerate(rows):
        y = TOP + ROW * i
        start, end = sorted((place(1), place(row["speed_up"])))
        low, high = (place(edge) for edge in row["spread"])
        colour = "#1a7f37" if row["speed_up"] >= 1 else "#cf222e"
        out += [
            f'<text x="{LEFT - 12}" y="{y + 5}" text-anchor="end">{escape(row["name"])}</text>',
            f'<rect x="{start:.1f}" y="{y - 8}" width="{max(end - start, 1):.1f}" height="16" fill="{colour}"/>',
            f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke-width="2"/>',
            f'<text x="{max(end, high) + 8:.1f}" y="{y + 5}">{row["speed_up"]:.1f}</text>',
        ]
    out.append(f'<text x="12" y="{height - 18}" font-size="11">{v["date"]}, Python {v["python"]}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def place(ratio: float) -> float:
    """The position of a ratio; 1 is where the bars start."""
    return LEFT + 20 + max(min(log2(ratio), MOST), -0.5) / MOST * (WIDTH - LEFT - 90)
