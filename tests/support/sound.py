"""Audio files for tests: samples, WAV, an MP3 frame, and a FLAC reader."""

from __future__ import annotations

import io
import math
import struct
import wave
from array import array


def samples(count: int, seed: int = 1) -> bytes:
    values = array("h", (int(8000 * math.sin(i * 0.05 * seed)) for i in range(count)))
    return struct.pack(f"<{count}h", *values)


def wav(data: bytes, rate: int = 24_000, channels: int = 1, bits: int = 16) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        file.writeframes(data)
    return out.getvalue()


def mp3_frame(fill: int, bitrate: int = 8, padding: int = 0) -> bytes:
    """An MPEG-2 layer III frame of 24 kHz, mono."""
    head = bytes([0xFF, 0xF3, bitrate << 4 | 1 << 2 | padding << 1, 0xC0])
    speed = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[bitrate] * 1000
    return head + bytes([fill]) * (72 * speed // 24_000 + padding - 4)


class Bits:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self.data[self.at >> 3] >> (7 - self.at % 8) & 1
            self.at += 1
        return value


def crc(data: bytes, poly: int, width: int) -> int:
    value, top = 0, 1 << (width - 1)
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = (value << 1 ^ poly) & ((1 << width) - 1) if value & top else value << 1
    return value


def read_flac(data: bytes) -> tuple[int, int, int, bytes, bytes]:
    """(rate, channels, samples, digest, the samples) of a FLAC file of verbatim frames."""
    assert data[:4] == b"fLaC"
    assert data[4:8] == b"\x80\x00\x00\x22"
    info = Bits(data[8:42])
    assert (info.take(16), info.take(16)) == (4096, 4096)
    info.take(48)
    rate, channels, bits, total = info.take(20), info.take(3) + 1, info.take(5) + 1, info.take(36)
    assert bits == 16
    digest, at, number, out = data[26:42], 42, 0, b""
    while at < len(data):
        head = Bits(data[at:])
        assert head.take(15) == 0x7FFC  # sync, reserved
        assert head.take(1) == 0  # blocks of equal size
        size_code, rate_code, assignment, width, reserved = (head.take(n) for n in (4, 4, 4, 3, 1))
        assert (rate_code, assignment, width, reserved) == (0, channels - 1, 4, 0)
        first = head.take(8)
        coded = first
        if first >= 0x80:
            length = 8 - (first ^ 0xFF).bit_length()
            coded = first & ((1 << (7 - length)) - 1)
            for _ in range(length - 1):
                follow = head.take(8)
                assert follow >> 6 == 2
                coded = coded << 6 | follow & 0x3F
        assert coded == number
        size = 4096 if size_code == 12 else head.take(16) + 1
        length = head.at // 8
        assert crc(data[at : at + length], 0x07, 8) == data[at + length]
        at_block = at + length + 1
        blocks: list[bytes] = []
        for _ in range(channels):
            assert data[at_block] == 2
            blocks.append(data[at_block + 1 : at_block + 1 + 2 * size])
            at_block += 1 + 2 * size
        if number < 3:  # slow, and the same for all frames
            assert crc(data[at:at_block], 0x8005, 16) == int.from_bytes(data[at_block : at_block + 2], "big")
        values = [struct.unpack(f">{size}h", block) for block in blocks]
        out += b"".join(struct.pack(f"<{channels}h", *row) for row in zip(*values, strict=True))
        at, number = at_block + 2, number + 1
    return rate, channels, total, digest, out
