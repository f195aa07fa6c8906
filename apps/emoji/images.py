"""An emoji's image is drawn anew: WebP, moving when it moved, nothing of the original's bytes or metadata."""

import io
import warnings
from collections.abc import Iterator

from django.conf import settings
from PIL import Image, ImageSequence

from apps.emoji.sizes import FRAMES_MAX, IMAGE_MAX_BYTES, SIDE
from apps.files.images import FORMATS

_FRAME_MS = 100


def draw(data: bytes) -> bytes | None:
    """None for what is no image of FORMATS, is broken or is too large to unpack."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                # Known from the header, before anything is unpacked.
                if not 0 < opened.width * opened.height <= settings.FILES_MAX_PIXELS // FRAMES_MAX:
                    return None
                frames = list(_frames(opened))
        moving = _webp(frames)
        return moving if len(moving) <= IMAGE_MAX_BYTES else _webp(frames[:1])
    except Exception:  # noqa: BLE001 - decoders of hostile bytes fail in every way there is
        return None


def _frames(opened: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    for number, frame in enumerate(ImageSequence.Iterator(opened)):
        if number == FRAMES_MAX:
            return
        small = frame.convert("RGBA")
        small.thumbnail((SIDE, SIDE))
        yield Image.frombytes("RGBA", small.size, small.tobytes()), int(frame.info.get("duration") or _FRAME_MS)


def _webp(frames: list[tuple[Image.Image, int]]) -> bytes:
    out = io.BytesIO()
    (first, _), *others = frames
    if others:
        times = [ms for _, ms in frames]
        first.save(out, "WEBP", save_all=True, append_images=[one for one, _ in others], duration=times, loop=0)
    else:
        first.save(out, "WEBP", quality=90, method=4)
    return out.getvalue()
