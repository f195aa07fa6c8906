"""What cameras and programs write into pictures besides the picture: place, owner, thumbnails, history.

Taken out without touching a pixel: only what a viewer needs stays, and of Exif only which side is up. The formats are
those of ISO/IEC 10918-1 (JPEG), the PNG specification and the WebP container specification.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112
_UPRIGHT = 1
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker that is neither an escaped byte nor a restart
_MARKER, _SCANNED = b"\xff", -1
_SOS, _EOI, _APP0, _APP2, _APP14, _APP15, _COM = 0xDA, 0xD9, 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
_PNG_TELLS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_WEBP_TELLS = frozenset({b"EXIF", b"XMP "})
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
HEAD_BYTES = 12


def tells(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that `stripped` knows."""
    return head.startswith((b"\xff\xd8\xff", _PNG)) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def stripped(data: bytes) -> bytes:
    """The same picture without metadata; `data` itself where there is none, or what can't be read as a picture."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(_PNG):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (ValueError, IndexError, struct.error):
        pass
    return data


def _side_up(data: bytes) -> int:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
            found = opened.getexif().get(_ORIENTATION, _UPRIGHT)
    except Exception:  # noqa: BLE001 - decoders of hostile bytes fail in every way there is
        return _UPRIGHT
    return found if found in range(1, 9) else _UPRIGHT


def _exif(side: int) -> bytes:
    """A TIFF header and one entry."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, side, 0, 0)


def _jpeg(data: bytes) -> bytes:
    kept = [data[:2]]
    place = 2
    for marker, begin, end in _segments(data):
        if marker in (_SCANNED, _EOI) or _jpeg_keeps(marker, data[begin + 4 : begin + 18]):
            kept.append(data[begin:end])
        place = end
    # What follows the end of the picture is for nobody's eyes.
    if sum(map(len, kept)) == place == len(data):
        return data
    side = _side_up(data)
    if side != _UPRIGHT:
        exif = b"Exif\0\0" + _exif(side)
        kept.insert(1, b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
    return b"".join(kept)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end, up to the end of the picture; _SCANNED is what lies between a scan and the next marker."""
    place = 2
    while place < len(data):
        if data[place : place + 1] != _MARKER:
            raise ValueError("no marker")
        while data[place + 1 : place + 2] == _MARKER:
            place += 1
        marker = data[place + 1]
        if marker == _EOI:
            yield marker, place, place + 2
            return
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if end > len(data):
            raise ValueError("cut short")
        yield marker, place, end
        if marker == _SOS:
            after = _AFTER_SCAN.search(data, end)
            place, end = end, after.start() if after else len(data)
            yield _SCANNED, place, end
        place = end


def _jpeg_keeps(marker: int, head: bytes) -> bool:
    if marker == _APP0:
        return head.startswith(b"JFIF\0")
    if marker == _APP2:
        return head.startswith(b"ICC_PROFILE\0")
    if marker == _APP14:
        return head.startswith(b"Adobe")
    return marker != _COM and not _APP0 < marker <= _APP15


def _png(data: bytes) -> bytes:
    kept, place, found = [data[:8]], 8, False
    while True:
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        end = place + 12 + length
        if end > len(data):
            raise ValueError("cut short")
        if kind in _PNG_TELLS:
            found = True
        else:
            kept.append(data[place:end])
        place = end
        if kind == b"IEND":
            break
    if not found and place == len(data):
        return data
    side = _side_up(data)
    if side != _UPRIGHT:
        exif = b"eXIf" + _exif(side)
        kept.insert(2, struct.pack(">I", len(exif) - 4) + exif + struct.pack(">I", zlib.crc32(exif)))
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    kept: list[bytes] = []
    place, end = 12, 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:
        raise ValueError("cut short")
    found = end < len(data)
    while place + 8 <= min(end, len(data)):
        kind, length = struct.unpack("<4sI", data[place : place + 8])
        after = place + 8 + length + length % 2
        if place + 8 + length > len(data):
            raise ValueError("cut short")
        if kind in _WEBP_TELLS:
            found = True
        else:
            kept.append(data[place:after])
        place = after
    if not found:
        return data
    side = _side_up(data)
    turned = side != _UPRIGHT and kept[0][:4] == b"VP8X"
    if kept[0][:4] == b"VP8X":
        flags = kept[0][8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if turned else 0)
        kept[0] = kept[0][:8] + bytes([flags]) + kept[0][9:]
    if turned:
        exif = _exif(side)
        kept.append(b"EXIF" + struct.pack("<I", len(exif)) + exif)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
