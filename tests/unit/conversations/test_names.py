import pytest

from apps.conversations import names
from apps.core.errors import InvalidError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("general", "general"),
        ("  #Design-Team_2 ", "design-team_2"),
        ("ÄRGER", "ärger"),
        ("общение", "общение"),
        ("雑談", "雑談"),
        ("हिन्दी", "हिन्दी"),  # with combining vowel signs
        ("عربي", "عربي"),
        ("ﬁles", "files"),  # one form for what looks the same
        ("٣٤", "٣٤"),
        ("a" * 80, "a" * 80),
    ],
)
def test_kept(given: str, kept: str) -> None:
    assert names.fold(given) == kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "a name is needed"),
        ("#", "a name is needed"),
        ("   ", "a name is needed"),
        ("two words", "no spaces"),
        ("tab\tbed", "no spaces"),
        ("a" * 81, "at most 80"),
        ("a" * 1_000_000, "at most 80"),
        ("what?", "only letters"),
        ("nul\0", "only letters"),
        ("party-🎉", "only letters"),
        ("<script>", "only letters"),
        ("\u202egeneral", "only letters"),  # right-to-left override
        ("a\u200bb", "only letters"),  # zero-width space
        ("\ud800", "only letters"),
        ("--", "a letter or a digit"),
        ("\u0301a", "a letter or a digit"),
        (5, "a text is needed"),
        (None, "a text is needed"),
    ],
)
def test_refused(given: object, why: str) -> None:
    with pytest.raises(InvalidError) as error:
        names.fold(given)
    assert why in error.value.extra["errors"]["name"][0]


def test_topics() -> None:
    assert names.text(" Tea\nand cake ", field="topic") == "Tea\nand cake"
    for bad in ("x" * 251, "nul\0", "\ud800", 3):
        with pytest.raises(InvalidError) as error:
            names.text(bad, field="topic")
        assert "topic" in error.value.extra["errors"]
