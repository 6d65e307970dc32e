"""Joining audio files: one valid file of each format, checked by readers written here."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import wave

import pytest

from stepfun_compat.endpoints import audio_containers as sound
from stepfun_compat.endpoints.audio_containers import SoundError
from tests.support.sound import crc, mp3_frame, read_flac, samples, wav

# ---------------------------------------------------------------- wav


def test_wav_headers_are_merged():
    a, b = samples(1000), samples(777, 2)
    joined = sound.join([wav(a), wav(b)], "wav")
    with wave.open(io.BytesIO(joined)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth(), file.getnframes()) == (
            24_000,
            1,
            2,
            1777,
        )
        assert file.readframes(1777) == a + b
    assert sound.duration(joined, "wav") == pytest.approx(1777 / 24_000)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 10_000_000])
def test_wav_with_unset_sizes_is_read(size: int):
    data = samples(100)
    whole = wav(data)
    streamed = whole[:40] + struct.pack("<I", size) + whole[44:]
    assert sound.parse_wav(streamed).data == data


def test_wav_chunks_other_than_samples_are_dropped():
    data = samples(10)
    whole = wav(data)
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    odd = whole[:36] + extra + whole[36:] + extra
    parsed = sound.parse_wav(odd)
    assert (parsed.data, parsed.rate) == (data, 24_000)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF0000WAVE", b"ID3....", wav(b"")[:36]])
def test_invalid_wav_is_rejected(data: bytes):
    with pytest.raises(SoundError):
        sound.parse_wav(data)


def test_wavs_of_different_formats_are_not_joined():
    for format in ("wav", "flac"):
        with pytest.raises(SoundError, match="differ"):
            sound.join([wav(samples(4)), wav(samples(4), rate=8000)], format)


# ---------------------------------------------------------------- mp3


def id3(size: int) -> bytes:
    return b"ID3\x04\0\0" + bytes([0, 0, size >> 7, size & 0x7F]) + b"\xff\xfb" * (size // 2)


def xing() -> bytes:
    frame = bytearray(mp3_frame(0))
    frame[13:17] = b"Xing"
    return bytes(frame)


def test_mp3_frames_are_joined_without_tags():
    a, b, c = mp3_frame(1), mp3_frame(2, padding=1), mp3_frame(3)
    first, second = id3(300) + xing() + a + b, id3(20) + c + b"TAG" + bytes(125)
    joined = sound.join([first, second], "mp3")
    frames = [joined[at : at + size] for at, size, _, _ in sound.mp3_frames(joined)]
    assert frames[1:] == [a, b, c]
    count = frames[0]
    at = count.index(b"Info")
    flags, number, size = struct.unpack(">III", count[at + 4 : at + 16])
    assert (flags, number, size) == (3, 3, len(joined))
    assert at == 4 + 9  # after the side information of a mono MPEG-2 frame
    assert sound.duration(joined, "mp3") == pytest.approx(3 * 576 / 24_000)


def test_mp3_with_variable_bitrate_has_a_xing_header():
    joined = sound.join([mp3_frame(1, bitrate=4), mp3_frame(2, bitrate=9)], "mp3")
    assert b"Xing" in joined[:64]


def test_joined_mp3s_get_a_new_header_when_joined_again():
    once = sound.join([mp3_frame(1)] * 2, "mp3")
    twice = sound.join([once, once], "mp3")
    assert len(list(sound.mp3_frames(twice))) == 5


def test_invalid_mp3_is_rejected():
    for data in (b"", b"hello world", b"\xff" * 50, id3(40)):
        with pytest.raises(SoundError):
            sound.join([data], "mp3")
    assert sound.duration(b"hello", "mp3") is None


# ---------------------------------------------------------------- opus


HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 24_000, 0, 0)
TAGS = b"OpusTags" + struct.pack("<I", 3) + b"lib" + struct.pack("<I", 0)


def opus(packets: list[bytes], *, trim: int = 0, serial: int = 7) -> bytes:
    total = sum(map(sound.opus_samples, packets)) - trim
    pages = [sound._ogg_page(2, 0, serial, 0, [HEAD]), sound._ogg_page(0, 0, serial, 1, [TAGS])]
    return b"".join([*pages, sound._ogg_page(4, total, serial, 2, packets)])


def packet(size: int, config: int = 15 << 3, fill: int = 1) -> bytes:
    return bytes([config]) + bytes([fill]) * (size - 1)


def test_opus_files_become_one_stream():
    first, second = [packet(80, fill=1), packet(300, fill=2)], [packet(255, fill=3), packet(510, fill=4), packet(1)]
    joined = sound.join([opus(first, serial=1), opus(second, serial=2, trim=200)], "opus")
    pages = list(sound.ogg_pages(joined))
    assert len({page.serial for page in pages}) == 1
    assert [page.sequence for page in pages] == list(range(len(pages)))
    assert [page.flags for page in pages] == [2, 0, *[0] * (len(pages) - 3), 4]
    packets, granule = sound.ogg_packets(joined)
    assert packets == [HEAD, TAGS, *first, *second]
    assert granule == 5 * 960 - 200
    assert sound.duration(joined, "ogg") == pytest.approx((5 * 960 - 200 - 312) / 48_000)


def test_joined_opus_pages_have_valid_checksums():
    joined = sound.join([opus([packet(100)] * 200)] * 2, "opus")
    at = pages = 0
    for page in sound.ogg_pages(joined):
        size = 27 + len(page.lacing) + len(page.body)
        raw = joined[at : at + size]
        assert struct.unpack("<I", raw[22:26])[0] == sound.ogg_crc(raw[:22] + bytes(4) + raw[26:])
        at, pages = at + size, pages + 1
    assert at == len(joined)
    assert pages == 2 + 8  # 50 packets of 20 ms make one second, the length of a page
    granules = [page.granule for page in sound.ogg_pages(joined)]
    assert granules == sorted(granules)


def test_ogg_checksum_matches_the_standard():
    def slow(data: bytes) -> int:
        crc = 0
        for byte in data:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
                crc &= 0xFFFFFFFF
        return crc

    data = bytes(range(256)) * 3
    assert sound.ogg_crc(data) == slow(data)


@pytest.mark.parametrize(
    ("toc", "frames"),
    [
        (0 << 3, 480),
        (3 << 3, 2880),
        (12 << 3, 480),
        (13 << 3, 960),
        (16 << 3, 120),
        (31 << 3, 960),
        (31 << 3 | 1, 1920),
    ],
)
def test_opus_packet_length_is_computed(toc: int, frames: int):
    assert sound.opus_samples(bytes([toc, 0])) == frames
    assert sound.opus_samples(bytes([19 << 3 | 3, 6])) == 6 * 960
    assert sound.opus_samples(b"") == 0


def test_invalid_opus_is_rejected():
    stereo = opus([packet(9)]).replace(HEAD, HEAD[:9] + b"\x02" + HEAD[10:])
    for parts in ([b"OggS"], [b"fLaC1234"], [opus([packet(9)]), stereo], [opus([packet(9)])[:-3]]):
        with pytest.raises(SoundError):
            sound.join(parts, "opus")
    assert sound.duration(b"nothing", "ogg") is None


# ---------------------------------------------------------------- flac


@pytest.mark.parametrize(("count", "channels"), [(100, 1), (4096, 1), (9001, 1), (5000, 2), (0, 1)])
def test_flac_contains_the_exact_samples(count: int, channels: int):
    data = samples(count * channels)
    half = len(data) // 2 // (2 * channels) * (2 * channels)
    joined = sound.join([wav(data[:half], channels=channels), wav(data[half:], channels=channels)], "flac")
    assert read_flac(joined) == (24_000, channels, count, hashlib.md5(data).digest(), data)


def test_flac_frame_numbers_may_exceed_one_byte():
    for value in (0, 127, 128, 2047, 2048, 65_535, 65_536, 2_000_000):
        coded = sound._utf8_number(value)
        if value < 0x10000 and not 0xD800 <= value < 0xE000:
            assert coded == chr(value).encode()
        assert len(coded) == (1 if value < 128 else 2 if value < 2048 else 3 if value < 65_536 else 4)
    data = samples(4096 * 130)
    assert read_flac(sound.write_flac(data, 16_000, 1, 16))[4] == data


def test_flac_frame_checksum_matches_the_standard():
    for data in (b"", b"\1", b"123456789", bytes(range(255))):
        assert sound.flac_crc16(data) == crc(data, 0x8005, 16)


def test_flac_accepts_only_16_bit_samples():
    with pytest.raises(SoundError):
        sound.join([wav(bytes(30), bits=24)], "flac")


# ---------------------------------------------------------------- all


def test_pcm_is_joined_and_unknown_formats_are_rejected():
    assert sound.join([b"ab", b"cd"], "pcm") == b"abcd"
    assert sound.duration(bytes(32_000), "pcm") == 1.0
    with pytest.raises(SoundError):
        sound.join([b"ab"], "aac")


@pytest.mark.parametrize(
    ("data", "extension", "format"),
    [
        (wav(b""), "mp3", "wav"),
        (b"OggS....", "", "ogg"),
        (b"fLaC....", "wav", "flac"),
        (b"\0\0\0\x20ftypM4A ", "", "mp4"),
        (b"\x1aE\xdf\xa3....", "", "webm"),
        (b"ID3\4....", "", "mp3"),
        (mp3_frame(1), "", "mp3"),
        (b"????", "mpga", "mp3"),
        (b"????", "pcm", "pcm"),
        (b"????", "", None),
        (b"", "m4a", "mp4"),
    ],
)
def test_sound_format_is_detected(data: bytes, extension: str, format: str | None):
    assert sound.sound_format(data, extension) == format


@pytest.mark.parametrize("format", ["wav", "mp3", "opus", "flac"])
def test_a_real_decoder_reads_joined_files(format: str):
    soundfile = pytest.importorskip("soundfile")
    count = 24_000
    kind = {"wav": ("WAV", "PCM_16"), "flac": ("WAV", "PCM_16"), "mp3": ("MP3", None), "opus": ("OGG", "OPUS")}[format]
    tone = [0.3 * math.sin(i * 2 * math.pi * 440 / 24_000) for i in range(count)]
    out = io.BytesIO()
    soundfile.write(out, tone, 24_000, format=kind[0], subtype=kind[1])
    read, rate = soundfile.read(io.BytesIO(sound.join([out.getvalue()] * 3, format)))
    assert rate == 24_000
    assert len(read) == pytest.approx(3 * count, rel=0.07)
