"""The form in which texts are compared: compatibility forms, case and accents folded away, and cut into words.

Scripts that put no spaces between words (Chinese, Japanese, Korean, Thai …) are cut into overlapping pairs, so that a
word of two characters is found as a pair, and one character as the beginning of a pair.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

WORD_MAX = 60
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u3100-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
)
_SPACE = re.compile(r"\s+")
_RUNS = re.compile(rf"([{_UNSPACED}]+)|[^\W_{_UNSPACED}]+")


class Run(NamedTuple):
    """Letters or digits in a row. `unspaced`: of a script without spaces between words."""

    text: str
    unspaced: bool


def fold(text: str) -> str:
    if text.isascii():
        return _SPACE.sub(" ", text.lower())
    return "".join(part for part, _ in _folded(text))


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index of the character of `text` that it came from."""
    parts: list[str] = []
    places: list[int] = []
    for part, index in _folded(text):
        parts.append(part)
        places += [index] * len(part)
    return "".join(parts), places


def runs(folded: str) -> list[Run]:
    return [Run(found[0], found[1] is not None) for found in _RUNS.finditer(folded)]


def words(folded: str) -> list[str]:
    """What the index of words holds for a text, in order."""
    found: list[str] = []
    for run in runs(folded):
        if run.unspaced:
            found += pairs(run.text)
            found.append(run.text[-1])
        else:
            found.append(run.text[:WORD_MAX])
    return found


def pairs(text: str) -> Sequence[str]:
    return [text[place : place + 2] for place in range(len(text) - 1)]


def _folded(text: str) -> Iterator[tuple[str, int]]:
    if text.isascii():
        yield from _collapsed(zip(text.lower(), range(len(text)), strict=True))
        return
    yield from _collapsed((_fold_char(char), index) for index, char in enumerate(text))


def _fold_char(char: str) -> str:
    if char.isascii():
        return char.lower()
    if "\uac00" <= char <= "\ud7af":
        return char  # decomposition would take a Korean syllable apart
    kept = [part for part in unicodedata.normalize("NFKD", char) if not _accent(part)]
    # "が" is a character of its own, not a "か" with an accent
    return unicodedata.normalize("NFC", "".join(kept)).casefold()


def _accent(char: str) -> bool:
    return "\u0300" <= char <= "\u036f"


def _collapsed(parts: "Iterator[tuple[str, int]] | zip[tuple[str, int]]") -> Iterator[tuple[str, int]]:
    """White space of any kind and length is one space."""
    spaced = False
    for part, index in parts:
        if part.isspace():
            if not spaced:
                yield " ", index
            spaced = True
        elif part:
            spaced = False
            yield part, index
