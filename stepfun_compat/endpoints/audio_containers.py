"""Detect, measure and join audio files. Pure Python.

wav: one header over all samples. mp3: frames, without the tags and the frames that count others. opus: the packets are
written to one Ogg stream with new pages. flac: written from samples, uncompressed ("verbatim"), because frames of
different files cannot simply be concatenated. pcm: concatenated.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

_EXTENSIBLE = 0xFFFE  # the tag of a wav format whose real tag comes later in the chunk
_OPEN_END = 0xFFFFFFFF  # the size field of a file that was written as a stream


class SoundError(ValueError):
    """The bytes are not a valid audio file of the expected format."""


# ---------------------------------------------------------------- format and length


def sound_format(data: bytes, extension: str = "") -> str | None:
    """Return `wav`, `mp3`, `ogg`, `flac`, `mp4` or `webm` by the bytes, else the format of the extension."""
    head = data[:12]
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"fLaC":
        return "flac"
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "webm"
    if head[:3] == b"ID3" or _mp3_header(data, 0) is not None:
        return "mp3"
    return {"mpga": "mp3", "mpeg": "mp3", "oga": "ogg", "opus": "ogg", "m4a": "mp4", "raw": "pcm"}.get(
        extension, extension or None
    )


def duration(data: bytes, format: str, *, rate: int = 16_000) -> float | None:
    """Return the length in seconds, None if it is unknown. `rate` is that of raw 16-bit mono `pcm`."""
    try:
        if format == "wav":
            wav = parse_wav(data)
            return len(wav.data) / (wav.rate * wav.frame) if wav.rate and wav.frame else None
        if format == "mp3":
            return sum(samples / hertz for _, _, samples, hertz in mp3_frames(strip_mp3(data)))
        if format == "ogg":
            return ogg_seconds(data)
        if format == "pcm":
            return len(data) / (2 * rate)
    except SoundError:
        return None
    return None


def join(parts: Sequence[bytes], format: str) -> bytes:
    """Join several audio files of one format.

    For `flac` the parts are wav files.

    Raises:
        SoundError: a part is not of this format, or they do not fit together.
    """
    if format == "pcm":
        return b"".join(parts)
    if format == "mp3":
        return join_mp3(parts)
    if format == "wav":
        return join_wav([parse_wav(part) for part in parts])
    if format == "flac":
        wavs = [parse_wav(part) for part in parts]
        _check_alike(wavs)
        return write_flac(b"".join(wav.data for wav in wavs), wavs[0].rate, wavs[0].channels, wavs[0].bits)
    if format == "opus":
        return join_opus(parts)
    raise SoundError(f"{format} files cannot be joined")


# ---------------------------------------------------------------- wav


@dataclass(frozen=True)
class Wav:
    """A parsed wav file. `data` holds the samples; `tag` is 1 for PCM."""

    tag: int
    channels: int
    rate: int
    bits: int
    data: bytes

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * ((self.bits + 7) // 8)

    def with_samples(self, data: bytes) -> Wav:
        """Return the file with these samples, less an incomplete one at the end."""
        rest = len(data) % self.frame if self.frame else 0
        return replace(self, data=data[: len(data) - rest])


def parse_wav(data: bytes) -> Wav:
    """Parse a wav file, also one that was written as a stream, without sizes.

    Raises:
        SoundError: it is not a wav file, or it has no samples.
    """
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise SoundError("not a wav file")
    at, fmt = 12, None
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        start = at + 8
        if name == b"fmt " and size >= 16 and start + 16 <= len(data):
            fmt = _wav_format(data[start : start + size])
        elif name == b"data" and fmt is not None:
            end = len(data) if size in (0, _OPEN_END) else start + size
            return fmt.with_samples(data[start:end])
        at = start + size + size % 2
    raise SoundError("a wav file without samples")


def _wav_format(chunk: bytes) -> Wav:
    """Parse a format chunk of at least 16 bytes, to a file without samples."""
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    return Wav(tag, channels, rate, bits, b"")


def _check_alike(wavs: Sequence[Wav]) -> None:
    if len({(wav.tag, wav.channels, wav.rate, wav.bits) for wav in wavs}) != 1:
        raise SoundError("the parts differ in rate, channels or sample size")


def join_wav(wavs: Sequence[Wav]) -> bytes:
    """Return one wav file with the samples of all and correct sizes."""
    _check_alike(wavs)
    first = wavs[0]
    samples = b"".join(wav.data for wav in wavs)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        min(36 + len(samples) + len(samples) % 2, _OPEN_END),
        b"WAVE",
        b"fmt ",
        16,
        first.tag,
        first.channels,
        first.rate,
        first.rate * first.frame,
        first.frame,
        first.bits,
        b"data",
        min(len(samples), _OPEN_END),
    )
    return head + samples + b"\0" * (len(samples) % 2)


# ---------------------------------------------------------------- mp3

_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def _mp3_header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return (bytes, samples, rate) of the layer III frame at a position, None if there is none."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return None
    version = data[at + 1] >> 3 & 3
    kbits, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or kbits in (0, 15) or rate == 3:
        return None
    hertz = _RATES[version][rate]
    samples = 1152 if version == 3 else 576
    speed = (_KBITS_1 if version == 3 else _KBITS_2)[kbits] * 1000
    return samples // 8 * speed // hertz + (data[at + 2] >> 1 & 1), samples, hertz


def _mp3_start(data: bytes) -> int:
    """Return the position after the tags at the start."""
    at = 0
    while data[at : at + 3] == b"ID3" and at + 10 <= len(data):
        size = data[at + 6 : at + 10]
        at += 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3]) + (10 if data[at + 5] & 0x10 else 0)
    return at


def mp3_frames(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (start, bytes, samples, rate) of each frame; tags and other bytes between frames are skipped."""
    at = _mp3_start(data)
    while at + 4 <= len(data):
        header = _mp3_header(data, at)
        if header is None:
            at = data.find(b"\xff", at + 1)
            if at < 0:
                return
            continue
        yield at, *header
        at += header[0]


def strip_mp3(data: bytes) -> bytes:
    """Return the audio frames of an mp3 file, without tags and the frame that counts the others.

    Raises:
        SoundError: the data has no frame.
    """
    first = next(mp3_frames(data), None)
    if first is None:
        raise SoundError("not an mp3 file")
    start, size, _, _ = first
    frame = data[start : start + size]
    if b"Xing" in frame[:64] or b"Info" in frame[:64] or frame[36:40] == b"VBRI":
        start += size
    end = len(data) - 128 if data[-128:-125] == b"TAG" else len(data)
    return data[start:end]


def join_mp3(parts: Sequence[bytes]) -> bytes:
    """Return one mp3 file with the frames of all, after a frame that counts them, from which players read the length.

    Raises:
        SoundError: a part is not an mp3 file.
    """
    sound = b"".join(strip_mp3(part) for part in parts)
    frames = list(mp3_frames(sound))
    start, _, _, _ = frames[0]
    head = sound[start : start + 4]
    mpeg1, mono = head[1] >> 3 & 3 == 3, head[3] >> 6 == 3
    side = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    # no checksum, no padding, and a bitrate that leaves room for the count
    head = bytes([head[0], head[1] | 1, 0x80 | head[2] & 0x0C, head[3]])
    found = _mp3_header(head + bytes(4), 0)
    assert found is not None
    alike = len({sound[at + 2] >> 4 for at, _, _, _ in frames}) == 1
    count = struct.pack(">4sIII", b"Info" if alike else b"Xing", 3, len(frames), found[0] + len(sound))
    return (head + bytes(side) + count).ljust(found[0], b"\0") + sound


# ---------------------------------------------------------------- ogg opus


@lru_cache(maxsize=1)
def _ogg_table() -> tuple[int, ...]:
    rows: list[int] = []
    for value in range(256):
        row = value << 24
        for _ in range(8):
            row = (row << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if row & 0x80000000 else row << 1
        rows.append(row)
    return tuple(rows)


def ogg_crc(data: bytes) -> int:
    """Return the checksum of an Ogg page whose checksum field is zero."""
    table, crc = _ogg_table(), 0
    for byte in data:
        crc = (crc << 8) & 0xFFFFFFFF ^ table[crc >> 24 ^ byte]
    return crc


@dataclass(frozen=True)
class OggPage:
    """One page. `lacing` has the sizes of its segments; a packet continues while they are 255."""

    flags: int
    granule: int
    serial: int
    sequence: int
    lacing: bytes
    body: bytes


def ogg_pages(data: bytes) -> Iterator[OggPage]:
    """Yield the pages of an Ogg file.

    Raises:
        SoundError: the data is not a complete Ogg file.
    """
    at = 0
    while at < len(data):
        if data[at : at + 4] != b"OggS" or at + 27 > len(data):
            raise SoundError("not an Ogg file")
        flags, granule, serial, sequence, _, count = struct.unpack("<BqIIIB", data[at + 5 : at + 27])
        lacing = data[at + 27 : at + 27 + count]
        start = at + 27 + count
        end = start + sum(lacing)
        if end > len(data):
            raise SoundError("a truncated Ogg file")
        yield OggPage(flags, granule, serial, sequence, lacing, data[start:end])
        at = end


def ogg_packets(data: bytes) -> tuple[list[bytes], int]:
    """Return (all packets of an Ogg file with one stream, the granule position of its last page)."""
    packets: list[bytes] = []
    rest, granule = b"", 0
    for page in ogg_pages(data):
        at = 0
        for size in page.lacing:
            rest += page.body[at : at + size]
            at += size
            if size < 255:
                packets.append(rest)
                rest = b""
        if page.granule >= 0:
            granule = page.granule
    return packets, granule


def ogg_seconds(data: bytes) -> float | None:
    """Return the length of an Ogg Opus file in seconds, None for another codec.

    Raises:
        SoundError: it is not an Ogg file.
    """
    pages = list(ogg_pages(data))
    head = pages[0].body if pages else b""
    if not head.startswith(b"OpusHead") or len(head) < 12:
        return None
    end = max(page.granule for page in pages)
    return max(end - int.from_bytes(head[10:12], "little"), 0) / 48_000


def opus_samples(packet: bytes) -> int:
    """Return the number of samples, at 48,000 a second, in an Opus packet."""
    if not packet:
        return 0
    config, count = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    frames = 1 if count == 0 else 2 if count < 3 else (packet[1] & 0x3F if len(packet) > 1 else 0)
    return frame * frames


def _ogg_page(flags: int, granule: int, serial: int, sequence: int, packets: Sequence[bytes]) -> bytes:
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, sequence, 0, len(lacing))
    page = head + lacing + b"".join(packets)
    return page[:22] + struct.pack("<I", ogg_crc(page)) + page[26:]


def join_opus(parts: Sequence[bytes]) -> bytes:
    """Return one Ogg Opus stream with the packets of all.

    Raises:
        SoundError: a part is not an Ogg Opus file, or they differ in channels.
    """
    head = tags = b""
    sound: list[bytes] = []
    trim = 0
    for part in parts:
        packets, granule = _opus_packets(part)
        if not head:
            head, tags = packets[0], packets[1]
        elif packets[0][9] != head[9] or packets[0][18:] != head[18:]:
            raise SoundError("the parts differ in channels")
        sound += packets[2:]
        # the last page of a file may exclude some of its samples from playback
        trim = max(sum(map(opus_samples, packets[2:])) - granule, 0)
    serial = int.from_bytes(hashlib.sha256(head + b"".join(sound[:8])).digest()[:4], "little")
    out = [_ogg_page(2, 0, serial, 0, [head]), _ogg_page(0, 0, serial, 1, [tags])]
    granule, pages = 0, list(_grouped(sound))
    for sequence, group in enumerate(pages, 2):
        granule += sum(map(opus_samples, group))
        last = sequence == len(pages) + 1
        out.append(_ogg_page(4 if last else 0, granule - (trim if last else 0), serial, sequence, group))
    return b"".join(out)


def _opus_packets(data: bytes) -> tuple[list[bytes], int]:
    """Return (the packets of an Ogg Opus file, its last granule position)."""
    packets, granule = ogg_packets(data)
    if len(packets) < 2 or not packets[0].startswith(b"OpusHead") or len(packets[0]) < 19:
        raise SoundError("not an Ogg Opus file")
    return packets, granule


def _grouped(packets: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Group packets by page: at most a second of audio and 255 segments each."""
    group: list[bytes] = []
    segments = samples = 0
    for packet in packets:
        wanted = len(packet) // 255 + 1
        if wanted > 255:
            raise SoundError("an Opus packet too large for a page")
        if group and (segments + wanted > 255 or samples >= 48_000):
            yield group
            group, segments, samples = [], 0, 0
        group.append(packet)
        segments += wanted
        samples += opus_samples(packet)
    if group:
        yield group


# ---------------------------------------------------------------- flac

_BLOCK = 4096


@lru_cache(maxsize=1)
def _crc16_table() -> array[int]:
    """Build the table of the checksum for two bytes at a time, which halves the steps of one for 256 values."""
    single: list[int] = []
    for value in range(256):
        row = value << 8
        for _ in range(8):
            row = (row << 1 ^ 0x8005) & 0xFFFF if row & 0x8000 else row << 1
        single.append(row)
    table = array("H", bytes(131_072))
    for value in range(65_536):
        half = (value << 8) & 0xFFFF ^ single[value >> 8]
        table[value] = (half << 8) & 0xFFFF ^ single[half >> 8]
    return table


def flac_crc16(data: bytes) -> int:
    """Return the checksum at the end of a FLAC frame."""
    if len(data) % 2:  # leading zeros change nothing, since it starts from zero
        data = b"\0" + data
    words = array("H", data)
    if sys.byteorder == "little":
        words.byteswap()
    table, crc = _crc16_table(), 0
    for word in words:
        crc = table[crc ^ word]
    return crc


def flac_crc8(data: bytes) -> int:
    """Return the checksum at the end of a FLAC frame's header."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def _utf8_number(value: int) -> bytes:
    """Encode a frame's number like UTF-8, with up to 36 bits."""
    if value < 0x80:
        return bytes([value])
    tail: list[int] = []
    limit = 0x3F
    while value > limit:
        tail.append(0x80 | value & 0x3F)
        value >>= 6
        limit = 0x1F if len(tail) == 1 else limit >> 1
    lead = (0xFF << (7 - len(tail))) & 0xFF
    return bytes([lead | value, *reversed(tail)])


def write_flac(samples: bytes, rate: int, channels: int, bits: int) -> bytes:
    """Write a FLAC file of little-endian 16-bit samples, uncompressed: every frame contains its samples verbatim.

    Raises:
        SoundError: the samples do not have 16 bits, or FLAC does not support their rate or channels.
    """
    if bits != 16 or not 1 <= channels <= 8 or not 0 < rate < 1 << 20:
        raise SoundError(f"{bits}-bit samples of {channels} channels cannot be written as FLAC")
    values = array("h", samples[: len(samples) - len(samples) % (2 * channels)])
    if sys.byteorder == "big":
        values.byteswap()
    total = len(values) // channels
    digest = hashlib.md5(samples[: total * 2 * channels], usedforsecurity=False).digest()
    packed = rate << 44 | (channels - 1) << 41 | (bits - 1) << 36 | total
    info = struct.pack(">HH", _BLOCK, _BLOCK) + bytes(6) + packed.to_bytes(8, "big") + digest
    out = [b"fLaC", b"\x80" + len(info).to_bytes(3, "big"), info]
    if sys.byteorder == "little":
        values.byteswap()
    for number, start in enumerate(range(0, total, _BLOCK)):
        size = min(_BLOCK, total - start)
        head = bytes([0xFF, 0xF8, 0xC0 if size == _BLOCK else 0x70, (channels - 1) << 4 | 0x08]) + _utf8_number(number)
        if size != _BLOCK:
            head += struct.pack(">H", size - 1)
        frame = [head, bytes([flac_crc8(head)])]
        for channel in range(channels):
            block = values[start * channels + channel : (start + size) * channels : channels]
            frame += [b"\x02", block.tobytes()]
        body = b"".join(frame)
        out += [body, struct.pack(">H", flac_crc16(body))]
    return b"".join(out)
