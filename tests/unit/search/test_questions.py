"""What is typed into the search box, and what it means."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from apps.core.errors import InvalidError
from apps.search.questions import PARTS_MAX, QUERY_MAX, Asked, parse

NOW = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")  # where it is 1 June already


def asked(query: str, zone: str = "UTC") -> Asked:
    return parse(query, zone=ZoneInfo(zone), now=NOW)


def ms(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("  ", {}),
        ("Hello World", {"words": ["hello", "world"]}),
        ('"Hello   World" -bye', {"words": ["hello world"], "without": ["bye"]}),
        ('"never closed', {"words": ["never closed"]}),
        ('-"two words"', {"without": ["two words"]}),
        ("from:@Ann in:#General", {"from_": ["ann"], "in_": ["#general"]}),
        ("from:me -from:bob -in:random", {"from_": ["me"], "not_from": ["bob"], "not_in": ["random"]}),
        ("has:link has:FILES has:reactions is:thread", {"has": {"link", "file", "reaction"}, "in_thread": True}),
        ("http://example.org note:this from:", {"words": ["http://example.org", "note:this", "from:"]}),
        ("well-known", {"words": ["well-known"]}),
        ("Ärger ＡＢＣ", {"words": ["arger", "abc"]}),
        ("before:2026-05-02", {"until": ms(2026, 5, 2)}),
        ("after:2026-05-02", {"since": ms(2026, 5, 3)}),
        ("on:2026-05-02", {"since": ms(2026, 5, 2), "until": ms(2026, 5, 3)}),
        ("during:2025-12", {"since": ms(2025, 12, 1), "until": ms(2026, 1, 1)}),
        ("during:2025", {"since": ms(2025, 1, 1), "until": ms(2026, 1, 1)}),
        ("on:today", {"since": ms(2026, 5, 31), "until": ms(2026, 6, 1)}),
        ("on:yesterday", {"since": ms(2026, 5, 30), "until": ms(2026, 5, 31)}),
        ("after:2026-05-02 after:2026-05-04", {"since": ms(2026, 5, 5)}),
    ],
)
def test_what_is_asked(query: str, expected: dict[str, Any]) -> None:
    assert asked(query) == Asked(**expected)


def test_days_are_the_searchers_own() -> None:
    assert asked("on:today", "Europe/Berlin").since == ms(2026, 5, 31, 22)
    assert asked("before:2026-03-30", "Europe/Berlin").until == ms(2026, 3, 29, 22), "summer time has begun"


@pytest.mark.parametrize(
    "query",
    [
        "has:colour",
        "is:red",
        "before:soon",
        "on:2026-02-30",
        "on:2026-13-01",
        "during:99999",
        "after:0",
        "on:--",
        "a" * (QUERY_MAX + 1),
        "a " * (PARTS_MAX + 1),
        "nul\0",
        "\ud800",
    ],
)
def test_what_can_not_be_meant_is_refused(query: str) -> None:
    with pytest.raises(InvalidError) as error:
        asked(query)
    assert list(error.value.extra["errors"]) == ["q"]
