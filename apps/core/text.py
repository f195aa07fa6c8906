"""Checks of text that people type, shared by every action that stores some."""

import unicodedata

from apps.core.errors import InvalidError

_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def storable(text: str) -> bool:
    """Whether every database and encoder here takes it: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def clean_line(value: str, *, field: str, max_chars: int, required: bool = True) -> str:
    """One line of visible text, trimmed and in NFC. Raises InvalidError naming `field`.

    Control characters and direction overrides are refused: a name must not be able to rewrite the line it stands in.
    """
    text = unicodedata.normalize("NFC", value[: max_chars * 4]).strip() if storable(value) else "\0"
    if len(text) > max_chars or len(value) > max_chars * 4:
        raise InvalidError(errors={field: [f"At most {max_chars} characters."]})
    if any(char in _OVERRIDES or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text):
        raise InvalidError(errors={field: ["Only visible characters, on one line."]})
    if required and not any(unicodedata.category(char)[0] not in "ZC" for char in text):
        raise InvalidError(errors={field: ["Fill this in."]})
    return text
