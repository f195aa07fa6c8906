"""Images are drawn anew before any browser shows them: what is served is ours, whatever the upload claimed to be."""

import io
import warnings
from typing import NamedTuple

from django.conf import settings
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
PREVIEW_SIDE = 1600
THUMB_SIDE = 480
TYPE = "image/webp"
_QUALITY = 82


class Drawn(NamedTuple):
    """`width` and `height` are the original's, turned upright. Both variants are WebP."""

    width: int
    height: int
    preview: bytes
    thumb: bytes


def draw(data: bytes) -> Drawn | None:
    """None for what is no image of FORMATS, is broken, or has more than FILES_MAX_PIXELS."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                # Known from the header, before anything is unpacked.
                if not 0 < opened.width * opened.height <= settings.FILES_MAX_PIXELS:
                    return None
                opened.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))  # a JPEG need not be unpacked whole
                width, height = opened.size if opened.format != "JPEG" else _jpeg_size(data)
                turned = ImageOps.exif_transpose(opened)
                if (turned.width > turned.height) != (opened.width > opened.height):
                    width, height = height, width
                drawn = turned.convert("RGBA" if _has_alpha(turned) else "RGB")
        return Drawn(width, height, _webp(drawn, PREVIEW_SIDE), _webp(drawn, THUMB_SIDE))
    except Exception:  # noqa: BLE001 - decoders of hostile bytes fail in every way there is
        return None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as opened:
        return opened.size


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info


def _webp(image: Image.Image, side: int) -> bytes:
    smaller = image.copy()
    smaller.thumbnail((side, side))
    out = io.BytesIO()
    # Nothing of the original's metadata goes along: no place, no camera, no hidden text.
    Image.frombytes(smaller.mode, smaller.size, smaller.tobytes()).save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()
