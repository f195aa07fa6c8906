"""A piece of a message around what was found in it, cut into parts that match and parts that don't: never HTML."""

from collections.abc import Sequence

import msgspec

from apps.search import folding

AROUND = 60
LONGEST = 240
MARKS_MAX = 30
SHORT = 3


class Part(msgspec.Struct, frozen=True):
    text: str
    match: bool


def snippet(text: str, words: Sequence[str]) -> list[Part]:
    folded, places = folding.fold_with_places(text)
    places.append(len(text))
    spans = _spans(folded, words)
    begin = 0
    if spans:
        first = places[spans[0][0]]
        if first > LONGEST - AROUND:
            begin = first - AROUND
            space = text.find(" ", begin, first)
            begin = space + 1 if space >= 0 else begin
    end = min(len(text), begin + LONGEST)
    parts: list[Part] = []
    at = begin
    if begin:
        parts.append(Part("…", match=False))
    for start, stop in spans:
        left, right = max(places[start], at), min(_end(places, stop), end)
        if left >= end or right <= left:
            continue
        if left > at:
            parts.append(Part(text[at:left], match=False))
        parts.append(Part(text[left:right], match=True))
        at = right
    if at < end:
        parts.append(Part(text[at:end], match=False))
    if end < len(text):
        parts.append(Part("…", match=False))
    return parts


def _end(places: Sequence[int], stop: int) -> int:
    """After the character that the last folded one came from, with the accents that were folded away behind it."""
    return max(places[stop - 1] + 1, places[stop]) if stop < len(places) else places[-1]


def _spans(folded: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Where words stand, sorted, merged where they overlap."""
    found: list[tuple[int, int]] = []
    for word in words:
        begins = _begins_words(word)
        at = folded.find(word)
        while at >= 0 and len(found) < MARKS_MAX * 4:
            if not begins or at == 0 or not folded[at - 1].isalnum():
                found.append((at, at + len(word)))
            at = folded.find(word, at + len(word))
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged[:MARKS_MAX]


def _begins_words(word: str) -> bool:
    """Whether the index finds `word` at the beginning of a word only: it is short, and its script has spaces."""
    found = folding.runs(word)
    return len(word) < SHORT and bool(found) and not found[0].unspaced
