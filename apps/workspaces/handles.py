"""Handles: what follows the @. `a-z0-9._-`, with a letter or digit at both ends, so that "@ann." ends a sentence."""

import itertools
import re
import unicodedata
from collections.abc import Iterator

from apps.core.errors import InvalidError
from apps.workspaces.sizes import HANDLE_MAX

RESERVED = frozenset({"channel", "here", "everyone", "all"})
_VALID = re.compile(rf"[a-z0-9](?:[a-z0-9._-]{{0,{HANDLE_MAX - 2}}}[a-z0-9])?")
_OTHER = re.compile(r"[^a-z0-9._-]+")
# Letters that Unicode does not decompose into a base and a mark.
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def clean_handle(value: str, *, field: str = "handle") -> str:
    """Raises InvalidError naming `field`."""
    handle = value.strip().removeprefix("@").lower()
    if len(handle) > HANDLE_MAX:
        raise InvalidError(errors={field: [f"At most {HANDLE_MAX} characters."]})
    if not _VALID.fullmatch(handle):
        raise InvalidError(
            errors={field: ["Letters a–z, digits, dots, dashes and underscores; a letter or digit at both ends."]}
        )
    if handle in RESERVED:
        raise InvalidError(errors={field: ["This name has a meaning of its own."]})
    return handle


def ascii_words(text: str, *, joint: str) -> str:
    """`text` in a-z0-9 and ._- with `joint` between words; empty when nothing of it can be written so."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return _OTHER.sub(joint, plain).strip("._-")


def suggestions(*, name: str, email: str | None) -> Iterator[str]:
    """Without end: from the name, else from the address, then numbered."""
    local = (email or "").partition("@")[0]
    base = ascii_words(name, joint=".") or ascii_words(local, joint=".") or "user"
    base = re.sub(r"\.{2,}", ".", base)[:HANDLE_MAX].strip("._-")
    if base not in RESERVED:
        yield base
    for number in itertools.count(2):
        tail = str(number)
        numbered = base[: HANDLE_MAX - len(tail)].rstrip("._-") + tail
        # A base that was cut off and ends in digits can meet itself again.
        if numbered != base:
            yield numbered
