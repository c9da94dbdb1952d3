"""A PNG file without its texts and colour profile: Pillow refuses large ones, and they are not needed."""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from typing import Any, BinaryIO

_MARK = b"\x89PNG\r\n\x1a\n"
_KEPT = {b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"}
"""Chunks that may be left out, but say something about the pixels. Those that may not begin with a
capital."""


class PixelsAlone(io.RawIOBase):
    """What is left of a PNG stream when its texts, profile and the like are passed over, undecompressed.

    ``dropped``: bytes that were. 0 also for a stream that is no PNG.
    """

    def __init__(self, stream: BinaryIO):
        super().__init__()
        self._stream, self._at = stream, 0
        self._starts, self._offsets, self._length = [0], [0], 0
        self.dropped = 0
        end = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        position = len(_MARK) if stream.read(len(_MARK)) == _MARK else end
        while position + 8 <= end:
            stream.seek(position)
            length, kind = struct.unpack(">I4s", stream.read(8))
            after = min(position + length + 12, end)
            if not kind[:1].isupper() and kind not in _KEPT:
                self._skip(position, after)
            position = after
        self._length += end - self._offsets[-1]

    def _skip(self, position: int, after: int) -> None:
        self._length += position - self._offsets[-1]
        self._starts.append(self._length)
        self._offsets.append(after)
        self.dropped += after - position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:  # of what Python calls Buffer from 3.12 on
        part = bisect_right(self._starts, self._at) - 1
        stop = self._starts[part + 1] if part + 1 < len(self._starts) else self._length
        wanted = min(len(buffer), max(0, stop - self._at))
        self._stream.seek(self._offsets[part] + self._at - self._starts[part])
        content = self._stream.read(wanted)
        buffer[:len(content)] = content
        self._at += len(content)
        return len(content)
