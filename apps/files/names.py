"""Names and types of files, as they may stand in a list, a header and a path."""

import mimetypes
import re
import unicodedata
from urllib.parse import quote

from django.conf import settings

from apps.core.errors import InvalidError
from apps.core.text import clean_line

NAME_MAX = 160
TYPE_MAX = 80
UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,38}/[a-z0-9][a-z0-9.+-]{0,38}")
_UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]+')


def check_name(value: str) -> str:
    """The last part of a path, without what file systems and headers trip over. Raises InvalidError."""
    last = re.split(r"[/\\]", value.strip())[-1]
    name = clean_line(_UNSAFE.sub("_", last), field="name", max_chars=NAME_MAX).strip(". ").lstrip("@")
    if not name:
        raise InvalidError(errors={"name": ["Give the file a name."]})
    suffix = "." + name.rpartition(".")[2].lower() if "." in name else ""
    if suffix in settings.FILES_REFUSED:
        raise InvalidError(errors={"name": [f"Files of the kind {suffix} can't be shared here."]})
    return name


def type_of(name: str) -> str:
    """By its name, for people to see: nothing is served under it."""
    guessed = mimetypes.guess_type(name, strict=False)[0] or UNKNOWN
    return guessed if _TYPE.fullmatch(guessed) and len(guessed) <= TYPE_MAX else UNKNOWN


def path_name(name: str) -> str:
    return quote(name, safe="")


def disposition(name: str) -> str:
    """RFC 6266: a plain name for old clients, the true one for all others."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", plain).strip() or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
