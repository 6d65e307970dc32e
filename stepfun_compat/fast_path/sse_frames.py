"""Split plain server-sent events; leave any other framing to the SDK's decoder."""

from __future__ import annotations

_LONGEST = 65536  # bytes of one unfinished frame, which is scanned again with every read


class Frames:
    """Splits a body of bytes into the data of its events.

    A plain frame has one `data` line, after an `event` line or not, or one comment; lines end in LF or CRLF. Such frames
    do not change the state of an SSE decoder, so the SDK's can start before any of them as if the stream began there:
    once `needs_sdk_decoder` is set, it gets `rest` and all that follows.
    """

    __slots__ = ("needs_sdk_decoder", "rest")

    def __init__(self) -> None:
        self.rest = b""
        self.needs_sdk_decoder = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of the events these bytes complete. Must not be called once `needs_sdk_decoder` is set."""
        if b"\r" in data:
            lines = data.replace(b"\r\n", b"\n")
            if b"\r" in lines:  # a line that ends in CR alone, or an incomplete CRLF
                self.rest += data
                self.needs_sdk_decoder = True
                return []
            data = lines
        frames = (self.rest + data).split(b"\n\n")
        self.rest = frames.pop()
        self.needs_sdk_decoder = len(self.rest) > _LONGEST
        out: list[bytes] = []
        for position, frame in enumerate(frames):
            line = frame
            if frame.startswith(b"event:"):
                name, _, line = frame.partition(b"\n")
                if (
                    b"error" in name or not name.isascii()
                ):  # the SDK's decoder keeps the name, which says that it is one
                    line = b""
            if line.startswith(b"data:") and len(line) > 5 and b"\n" not in line:
                out.append(line[5:])
            elif not _is_comment(frame):
                self.rest = b"\n\n".join([*frames[position:], self.rest])
                self.needs_sdk_decoder = True
                break
        return out


def _is_comment(frame: bytes) -> bool:
    return frame.startswith(b":") and b"\n" not in frame and frame.isascii()
