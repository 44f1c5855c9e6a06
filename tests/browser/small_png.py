"""Small PNGs: a picture of a page with a palette of its 256 commonest colours."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_MAGIC = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256


def small(png: bytes) -> bytes:
    """An 8-bit RGB picture, as chromium makes it, with a palette."""
    pixels = _pixels(png)
    height, width, _ = pixels.shape
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(counts)[::-1][:_COLOURS])
    palette = colours[kept]
    parts = [(each >> shift) & 255 for each in (colours, palette) for shift in (16, 8, 0)]
    every, few = np.stack(parts[:3], 1).astype(int), np.stack(parts[3:], 1).astype(int)
    nearest = np.array([np.abs(few - each).sum(1).argmin() for each in every], dtype=np.uint8)
    index = nearest[places.reshape(height, width)]
    lines = b"".join(b"\0" + line.tobytes() for line in index)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", few.astype(np.uint8).tobytes()),
              (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))  # fmt: skip
    return _MAGIC + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _pixels(png: bytes) -> np.ndarray:
    at, data, width, height, depth = 8, b"", 0, 0, 3
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, bits, colour = struct.unpack(">IIBB", body[:10])
            assert bits == 8
            assert colour in (2, 6)
            depth = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            data += body
        at += size + 12
    raw = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * depth)
    out = np.zeros((height, width, depth), np.uint8)
    before = np.zeros((width, depth), np.uint8)
    for number, line in enumerate(raw):
        before = _line(int(line[0]), line[1:].reshape(width, depth), before)
        out[number] = before
    return out[:, :, :3]


def _line(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    """A line without its filter (PNG, section 9)."""
    if kind == 0:
        return line
    if kind == 2:
        added: np.ndarray = line + above
        return added
    if kind == 1:
        sums: np.ndarray = np.cumsum(line, axis=0, dtype=np.uint64).astype(np.uint8)
        return sums
    made = np.zeros(line.shape, int)
    left = corner = np.zeros(line.shape[1], int)
    for x, (each, up) in enumerate(zip(line.astype(int), above.astype(int), strict=True)):
        guess = (left + up) // 2 if kind == 3 else _paeth(left, up, corner)
        left, corner = (each + guess) % 256, up
        made[x] = left
    return made.astype(np.uint8)


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    to = left + up - corner
    far = [np.abs(to - each) for each in (left, up, corner)]
    first = (far[0] <= far[1]) & (far[0] <= far[2])
    found: np.ndarray = np.where(first, left, np.where(far[1] <= far[2], up, corner))
    return found
