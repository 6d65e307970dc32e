"""Small sounds and pictures, made in code."""

from __future__ import annotations

import math
import struct

SAMPLE_RATE = 24_000


def speech(text: str, rate: int = SAMPLE_RATE, speed: float = 1.0) -> bytes:
    """A quiet tone, 20 ms for each character at speed 1: 16-bit mono PCM."""
    samples = max(1, int(len(text) * rate * 0.02 / speed))
    return b"".join(struct.pack("<h", int(4000 * math.sin(2 * math.pi * 220 * n / rate))) for n in range(samples))


def wav(pcm: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """16-bit mono PCM in a WAV file."""
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(pcm),
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate,
        rate * 2,
        2,
        16,
        b"data",
        len(pcm),
    )
    return head + pcm
