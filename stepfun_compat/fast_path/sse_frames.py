"""Server-sent events, framed the plain way; anything else is left to the SDK's decoder."""

from __future__ import annotations

_LONGEST = 65536  # bytes of one unfinished frame: they are looked at again with every read


class Frames:
    """Cuts a body of bytes into the data of its events.

    The plain way is a frame of one `data` line, after an `event` line or not, or a frame of one comment; lines end in
    LF or CRLF. Such frames leave an SSE decoder as they found it, so the SDK's can take over before any of them as if
    the stream began there: once `odd` is set, it gets `rest` and all that follows.
    """

    __slots__ = ("odd", "rest")

    def __init__(self) -> None:
        self.rest = b""
        self.odd = False

    def cut(self, data: bytes) -> list[bytes]:
        """The data of the events these bytes complete, in order. Not to be called once `odd` is set."""
        if b"\r" in data:
            lines = data.replace(b"\r\n", b"\n")
            if b"\r" in lines:  # a line that ends in CR alone, or a CRLF that is not whole yet
                self.rest += data
                self.odd = True
                return []
            data = lines
        frames = (self.rest + data).split(b"\n\n")
        self.rest = frames.pop()
        self.odd = len(self.rest) > _LONGEST
        out: list[bytes] = []
        for place, frame in enumerate(frames):
            name, line = b"", frame
            if frame.startswith(b"event:"):
                name, _, line = frame.partition(b"\n")
            plain = b"\n" not in line and name.isascii() and name[6:].strip() != b"error"
            if line.startswith(b"data:") and len(line) > 5 and plain:
                out.append(line[5:])
            elif not line.startswith(b":") or b"\n" in line or name or not line.isascii():
                self.rest = b"\n\n".join([*frames[place:], self.rest])
                self.odd = True
                break
        return out
