"""What people may send, checked before anything else is done with it."""

import unicodedata

from django.conf import settings

from apps.core.errors import InvalidError

CLIENT_MSG_ID_MAX = 64
EMOJI_MAX = 16
SHORTCODE_MAX = 64
KINDS = frozenset({"text"})
_BLANK = " \t\n\r\f\v"
# Letters by their category, emoji by their use.
_LETTERLIKE_EMOJI = frozenset("\u2139\u24c2")
_KEYCAPS = frozenset("0123456789#*")
_NEVER = frozenset({"Cc", "Cs", "Co", "Zs", "Zl", "Zp", "Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})


def check_text(text: object, *, field: str = "text", blank: bool = False) -> str:
    """Kept exactly as it is: every character counts, but NUL is refused. Raises InvalidError."""
    if not isinstance(text, str):
        raise InvalidError(errors={field: ["Must be a string."]})
    limit: int = settings.MESSAGE_MAX_CHARS
    if len(text) > limit:
        raise InvalidError(errors={field: [f"At most {limit} characters, this has {len(text)}."]})
    # Spaces of other scripts are characters that somebody may mean, and the naughty strings do.
    if not blank and not text.strip(_BLANK):
        raise InvalidError(errors={field: ["Write something."]})
    if "\0" in text:
        raise InvalidError(errors={field: ["A NUL is not text."]})
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidError(errors={field: ["Half of a surrogate pair is not a character."]}) from error
    return text


def check_client_msg_id(value: object) -> str | None:
    """1 to 64 printable ASCII characters. Raises InvalidError."""
    if value is None:
        return None
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= CLIENT_MSG_ID_MAX
        or not (value.isascii() and value.isprintable())
    ):
        raise InvalidError(errors={"client_msg_id": [f"1 to {CLIENT_MSG_ID_MAX} printable ASCII characters."]})
    return value


def check_kind(value: object) -> str:
    if value not in KINDS:
        raise InvalidError(errors={"type": ["The type of a message is text."]})
    return "text"


def check_emoji(value: object) -> str:
    """An emoji of Unicode, or the name of one (`tada`, without colons). Raises InvalidError."""
    if isinstance(value, str) and (_is_shortcode(value) or _is_emoji(value)):
        return value
    raise InvalidError(errors={"emoji": ["Not an emoji."]})


def _is_shortcode(value: str) -> bool:
    return 1 < len(value) <= SHORTCODE_MAX and all(
        char in "_+-" or (char.isascii() and (char.isdigit() or char.islower())) for char in value
    )


def _is_emoji(value: str) -> bool:
    if not 0 < len(value) <= EMOJI_MAX or value.isascii() or "\N{REPLACEMENT CHARACTER}" in value:
        return False
    return all(
        char in _LETTERLIKE_EMOJI
        or char in _KEYCAPS
        or (not char.isascii() and unicodedata.category(char) not in _NEVER)
        for char in value
    )
