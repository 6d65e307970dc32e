"""Generate small, valid audio and images: PCM, WAV, FLAC, MP3, Ogg Opus, PNG."""

from __future__ import annotations

import math
import struct
import zlib
from functools import cache

SAMPLE_RATE = 24_000
_CHARACTER_SECONDS = 0.02


def speech(text: str, rate: int = SAMPLE_RATE, speed: float = 1.0) -> bytes:
    """Return a quiet tone as 16-bit mono PCM: 20 ms per character at speed 1."""
    samples = max(1, round(len(text) * rate * _CHARACTER_SECONDS / speed))
    period = [int(4000 * math.sin(2 * math.pi * step / 100)) for step in range(100)]
    tone = struct.pack("<100h", *period)
    return (tone * (samples // 100 + 1))[: samples * 2]


def wav(pcm: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """Wrap 16-bit mono PCM in a WAV file."""
    size = len(pcm)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size) + pcm


def encode(form: str, text: str, rate: int = SAMPLE_RATE, speed: float = 1.0) -> bytes:
    """Return `speech` in one of StepFun's formats. MP3 and Opus are silence of the same length."""
    pcm = speech(text, rate, speed)
    if form == "pcm":
        return pcm
    if form == "wav":
        return wav(pcm, rate)
    if form == "flac":
        return flac(pcm, rate)
    seconds = len(pcm) / 2 / rate
    return mp3(seconds, rate) if form == "mp3" else opus(seconds)


# -- FLAC --------------------------------------------------------------------------------------------------------


@cache
def _crc_table(width: int, polynomial: int) -> tuple[int, ...]:
    """Return the lookup table of a non-reflected CRC."""
    top, mask = 1 << (width - 1), (1 << width) - 1
    table: list[int] = []
    for byte in range(256):
        value = byte << (width - 8)
        for _ in range(8):
            value = ((value << 1) ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return tuple(table)


def _crc(data: bytes, width: int, polynomial: int) -> int:
    table, mask, shift = _crc_table(width, polynomial), (1 << width) - 1, width - 8
    value = 0
    for byte in data:
        value = ((value << 8) & mask) ^ table[(value >> shift) ^ byte]
    return value


def flac(pcm: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """Wrap 16-bit mono PCM in a FLAC file without compression (verbatim subframes)."""
    block = 4096
    samples = len(pcm) // 2
    info = struct.pack(">HH", block, block) + bytes(6)
    packed = (rate << 44) | (0 << 41) | (15 << 36) | samples  # 20 bits rate, 3 channels-1, 5 bits-1, 36 samples
    info += packed.to_bytes(8, "big") + bytes(16)
    frames = [b"fLaC", b"\x80" + len(info).to_bytes(3, "big"), info]
    for number, start in enumerate(range(0, samples, block)):
        count = min(block, samples - start)
        # Fixed block size, given as 16 bits below; rate from STREAMINFO; mono; 16 bits per sample.
        head = b"\xff\xf8\x70\x08" + _flac_number(number) + struct.pack(">H", count - 1)
        values = struct.unpack(f"<{count}h", pcm[start * 2 : (start + count) * 2])
        body = head + bytes([_crc(head, 8, 0x07)]) + b"\x02" + struct.pack(f">{count}h", *values)
        frames.append(body + struct.pack(">H", _crc(body, 16, 0x8005)))
    return b"".join(frames)


def _flac_number(number: int) -> bytes:
    """Encode a frame number as FLAC does, like UTF-8."""
    return chr(number).encode("utf-8", "surrogatepass")


# -- MP3 ---------------------------------------------------------------------------------------------------------

# Sampling rate: second byte of the header (MPEG version), rate index, samples per frame.
_MP3_RATES = {
    48_000: (0xFB, 1, 1152),
    24_000: (0xF3, 1, 576),
    22_050: (0xF3, 0, 576),
    16_000: (0xF3, 2, 576),
    8_000: (0xE3, 2, 576),
}


def mp3(seconds: float, rate: int = SAMPLE_RATE) -> bytes:
    """Return silent mono frames at 64 kbit/s, with headers and empty side information."""
    second_byte, index, samples = _MP3_RATES[rate]
    bitrate = 5 if samples == 1152 else 8  # both mean 64 kbit/s
    length = samples // 8 * 64_000 // rate
    head = bytes([0xFF, second_byte, bitrate << 4 | index << 2, 0xC4])
    return (head + bytes(length - 4)) * max(1, math.ceil(seconds * rate / samples))


# -- Ogg Opus ----------------------------------------------------------------------------------------------------

_SILENT_PACKET = b"\xf8\xff\xfe"  # 20 ms of silence, mono
_PACKET_SAMPLES = 960


def opus(seconds: float) -> bytes:
    """Return silent packets of 20 ms in an Ogg stream."""
    count = max(1, math.ceil(seconds / 0.02))
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, 0, 48_000, 0, 0)
    vendor = b"emulator"
    tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
    pages = [_ogg_page([head], 0, 0, 2), _ogg_page([tags], 0, 1, 0)]
    for number, start in enumerate(range(0, count, 200)):
        end = min(count, start + 200)
        last = 4 if end == count else 0
        pages.append(_ogg_page([_SILENT_PACKET] * (end - start), end * _PACKET_SAMPLES, number + 2, last))
    return b"".join(pages)


def _ogg_page(packets: list[bytes], position: int, number: int, kind: int) -> bytes:
    sizes = bytes(len(packet) for packet in packets)  # every packet is shorter than 255 bytes
    head = struct.pack("<4sBBqIII", b"OggS", 0, kind, position, 1, number, 0) + bytes([len(sizes)]) + sizes
    page = head + b"".join(packets)
    return page[:22] + struct.pack("<I", _crc(page, 32, 0x04C11DB7)) + page[26:]


# -- images ------------------------------------------------------------------------------------------------------


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """Return a PNG of a single color."""
    row = b"\x00" + bytes((width + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", bytes(colour)), (b"IDAT", zlib.compress(row * height, 9)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, JPEG, GIF or WebP image, or None for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
    if data[:4] == b"GIF8" and len(data) >= 10:
        return (int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_size(data)
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] == b"VP8X" and len(data) >= 30:
        return (int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    if data[12:16] == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if data[12:16] == b"VP8 " and len(data) >= 30:
        return (int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            return None
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return (
                int.from_bytes(data[place + 7 : place + 9], "big"),
                int.from_bytes(data[place + 5 : place + 7], "big"),
            )
        place += 2 + length
    return None


def is_silent(form: str, data: bytes) -> bool:
    """Whether a WAV or raw PCM recording is all zeros."""
    if form == "wav" and data[:4] == b"RIFF":
        start = data.find(b"data")
        data = data[start + 8 :] if start >= 0 else b""
    elif form != "pcm":
        return False
    return not data.strip(b"\x00")
