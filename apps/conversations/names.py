"""What a channel may be called, and texts about it."""

import unicodedata

from apps.conversations.models import NAME_MAX, TEXT_MAX
from apps.core.errors import InvalidError

_KINDS = frozenset("LMN")  # letters of any script, the marks that belong to them, digits


def fold(name: object) -> str:
    """The one form of a channel's name. Raises InvalidError."""
    if not isinstance(name, str):
        raise InvalidError(errors={"name": ["a text is needed"]})
    folded = unicodedata.normalize("NFKC", name[: NAME_MAX * 4].strip().removeprefix("#")).lower()
    if not folded:
        raise InvalidError(errors={"name": ["a name is needed"]})
    if len(folded) > NAME_MAX or len(name) > NAME_MAX * 4:
        raise InvalidError(errors={"name": [f"at most {NAME_MAX} characters"]})
    bad = sorted({char for char in folded if char not in "-_" and unicodedata.category(char)[0] not in _KINDS})
    if any(char.isspace() for char in bad):
        raise InvalidError(errors={"name": ["no spaces: use - or _ between words"]})
    if bad:
        raise InvalidError(errors={"name": ["only letters, digits, - and _"]})
    if unicodedata.category(folded[0])[0] == "M" or not any(unicodedata.category(char)[0] in "LN" for char in folded):
        raise InvalidError(errors={"name": ["a letter or a digit is needed"]})
    return folded


def text(value: object, *, field: str) -> str:
    """A topic or a purpose. Raises InvalidError."""
    if not isinstance(value, str):
        raise InvalidError(errors={field: ["a text is needed"]})
    if len(value) > TEXT_MAX:
        raise InvalidError(errors={field: [f"at most {TEXT_MAX} characters"]})
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t" for char in value):
        raise InvalidError(errors={field: ["no control characters"]})
    return value.strip()
