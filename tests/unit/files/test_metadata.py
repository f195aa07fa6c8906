"""What a camera writes goes; the picture, its colours and which side is up stay."""

import io
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from apps.files import metadata

_ORIENTATION, _MAKER, _GPS = 0x0112, 0x010F, 0x8825
_SECRETS = (b"Nikodemus", b"<x:xmpmeta", b"52.5200", b"a hidden note", b"after the end")
_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _exif(side: int) -> Image.Exif:
    exif = Image.Exif()
    exif[_ORIENTATION] = side
    exif[_MAKER] = "Nikodemus"
    exif.get_ifd(_GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 29: "52.5200"})
    return exif


def _picture() -> Image.Image:
    return Image.linear_gradient("L").resize((90, 60)).convert("RGB")


def _told(kind: str, side: int = 6) -> bytes:
    out = io.BytesIO()
    more: dict[str, Any] = {"exif": _exif(side), "icc_profile": _PROFILE}
    if kind == "JPEG":
        more |= {"comment": b"a hidden note", "xmp": b"<x:xmpmeta/>", "progressive": True}
    elif kind == "PNG":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", "a hidden note")
        notes.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
        more["pnginfo"] = notes
    else:
        more |= {"xmp": b"<x:xmpmeta/>", "lossless": True}
    _picture().save(out, kind, **more)
    return out.getvalue() + (b"after the end" if kind != "PNG" else b"")


def _open(data: bytes) -> Image.Image:
    opened = Image.open(io.BytesIO(data))
    opened.load()
    return opened


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_only_the_picture_its_colours_and_its_upper_side_stay(kind: str) -> None:
    data = _told(kind)
    assert any(secret in data for secret in _SECRETS), "else this proves nothing"
    clean = metadata.stripped(data)
    assert metadata.tells(clean[: metadata.HEAD_BYTES])
    assert [secret for secret in _SECRETS if secret in clean] == []
    before, after = _open(data), _open(clean)
    assert after.tobytes() == before.tobytes()
    assert after.info["icc_profile"] == _PROFILE
    assert dict(after.getexif()) == {_ORIENTATION: 6}
    assert after.getexif().get_ifd(_GPS) == {}
    turned = ImageOps.exif_transpose(after)
    assert (turned.size, turned.tobytes()) == ((60, 90), ImageOps.exif_transpose(before).tobytes())
    assert metadata.stripped(clean) == clean


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_upright_picture_keeps_no_exif_at_all(kind: str) -> None:
    assert dict(_open(metadata.stripped(_told(kind, side=1))).getexif()) == {}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_has_no_metadata_is_the_same_bytes(kind: str) -> None:
    out = io.BytesIO()
    _picture().save(out, kind)
    data = out.getvalue()
    assert metadata.stripped(data) is data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_is_broken_is_left_alone_and_never_raises(kind: str) -> None:
    data = _told(kind)
    for length in range(0, len(data) - 20, 7):
        metadata.stripped(data[:length])
    for place in range(0, len(data), 11):
        metadata.stripped(data[:place] + b"\xff\x00\xff" + data[place + 3 :])


def test_other_files_are_none_of_ours() -> None:
    for data in (b"", b"%PDF-1.7", b"GIF89a", b"RIFF\0\0\0\0WAVE", b"<svg/>"):
        assert not metadata.tells(data[: metadata.HEAD_BYTES])
        assert metadata.stripped(data) is data
