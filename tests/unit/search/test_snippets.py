"""The piece of a message that a result shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.search.folding import fold
from apps.search.snippets import LONGEST, snippet


def shown(text: str, *words: str) -> str:
    return "".join(f"[{part.text}]" if part.match else part.text for part in snippet(text, [fold(w) for w in words]))


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Hello World", ["world"], "Hello [World]"),
        ("Hello World", [], "Hello World"),
        ("deployed deployment", ["deploy"], "[deploy]ed [deploy]ment"),
        ("ab cab ab", ["ab"], "[ab] cab [ab]"),
        ("Zoë à l'École", ["zoe", "ecole"], "[Zoë] à l'[École]"),
        ("e\u0301cole", ["ecole"], "[e\u0301cole]"),
        ("東京都に", ["京都"], "東[京都]に"),
        ("Straße", ["strasse"], "[Straße]"),
        ("one  \n two", ["one two"], "[one  \n two]"),
        ("aaaa", ["aaa", "aaaa"], "[aaaa]"),
        ("<b>bold</b>", ["bold"], "<b>[bold]</b>"),
        ("🎉 party", ["🎉"], "[🎉] party"),
    ],
)
def test_what_was_found_is_marked(text: str, words: list[str], expected: str) -> None:
    assert shown(text, *words) == expected


def test_a_long_text_is_shown_around_the_first_match() -> None:
    text = "word " * 200 + "needle" + " tail" * 200
    parts = snippet(text, ["needle"])
    assert parts[0].text == parts[-1].text == "…"
    assert [part.text for part in parts if part.match] == ["needle"]
    assert sum(len(part.text) for part in parts) <= LONGEST + 2


@given(st.text(max_size=400), st.lists(st.text(min_size=1, max_size=4), max_size=4))
def test_nothing_is_added_or_lost_but_at_the_ends(text: str, words: list[str]) -> None:
    parts = snippet(text, [word for word in map(fold, words) if word])
    kept = "".join(part.text for part in parts if part.text != "…")
    assert kept.replace("…", "") in text.replace("…", "")
