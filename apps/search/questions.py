"""The language of the search box: words, "phrases", -without, and filters such as from:ann in:#general has:link."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.core.errors import InvalidError
from apps.core.text import storable
from apps.search import folding

QUERY_MAX = 400
PARTS_MAX = 20
_PART = re.compile(r"""(?P<minus>-)?(?:(?P<name>[a-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))""", re.IGNORECASE)
HAS = frozenset({"link", "file", "reaction"})
_DAYS = {"today": 0, "yesterday": 1}


@dataclass
class Asked:
    """What somebody typed, before handles and channel names are looked up. `before` and `after` are ms."""

    words: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    from_: list[str] = field(default_factory=list)
    not_from: list[str] = field(default_factory=list)
    in_: list[str] = field(default_factory=list)
    not_in: list[str] = field(default_factory=list)
    since: int | None = None
    until: int | None = None
    has: set[str] = field(default_factory=set)
    in_thread: bool = False

    @property
    def empty(self) -> bool:
        return self == Asked()


def parse(query: str, *, zone: ZoneInfo, now: datetime) -> Asked:
    """Raises InvalidError. What looks like a filter but is none (http://…, note:…) is a word."""
    if len(query) > QUERY_MAX:
        raise InvalidError(errors={"q": [f"At most {QUERY_MAX} characters."]})
    if not storable(query):
        raise InvalidError(errors={"q": ["Null characters and lone surrogates are not allowed."]})
    asked = Asked()
    for count, part in enumerate(_PART.finditer(query)):
        if count >= PARTS_MAX:
            raise InvalidError(errors={"q": [f"At most {PARTS_MAX} words and filters."]})
        value = part["quoted"] if part["quoted"] is not None else part["plain"]
        if part["name"] and value and _filter(asked, part["name"].lower(), value, part["minus"], zone, now):
            continue
        text = folding.fold(value if not part["name"] else f"{part['name']}:{value}").strip()
        if text:
            (asked.without if part["minus"] else asked.words).append(text)
    return asked


def _filter(asked: Asked, name: str, value: str, minus: str | None, zone: ZoneInfo, now: datetime) -> bool:
    match name:
        case "from":
            (asked.not_from if minus else asked.from_).append(value.removeprefix("@").lower())
        case "in":
            (asked.not_in if minus else asked.in_).append(value.lower())
        case "has" if not minus:
            wanted = value.lower().removesuffix("s")
            if wanted not in HAS:
                raise InvalidError(errors={"q": [f"has: takes {', '.join(sorted(HAS))}, not “{value}”."]})
            asked.has.add(wanted)
        case "is" if not minus:
            if value.lower() != "thread":
                raise InvalidError(errors={"q": [f"is: takes thread, not “{value}”."]})
            asked.in_thread = True
        case "before" | "after" | "on" | "during" if not minus:
            first, past = _days(value, zone, now)
            if name == "before":
                asked.until = _earlier(asked.until, first)
            elif name == "after":
                asked.since = _later(asked.since, past)
            else:
                asked.since, asked.until = _later(asked.since, first), _earlier(asked.until, past)
        case _:
            return False
    return True


def _days(value: str, zone: ZoneInfo, now: datetime) -> tuple[int, int]:
    """Beginning and end (ms) of a day, month or year in the searcher's time zone. Raises InvalidError."""
    try:
        if value.lower() in _DAYS:
            first = now.astimezone(zone).date() - timedelta(days=_DAYS[value.lower()])
            return _ms(first, zone), _ms(first + timedelta(days=1), zone)
        numbers = [int(part) for part in value.split("-")]
        match numbers:
            case [year]:
                return _ms(date(year, 1, 1), zone), _ms(date(year + 1, 1, 1), zone)
            case [year, month]:
                return _ms(date(year, month, 1), zone), _ms(date(year + month // 12, month % 12 + 1, 1), zone)
            case [year, month, day]:
                first = date(year, month, day)
                return _ms(first, zone), _ms(first + timedelta(days=1), zone)
    except (ValueError, OverflowError):
        pass
    raise InvalidError(errors={"q": [f"“{value}” is no date: write 2026-05-31, 2026-05, 2026, today or yesterday."]})


def _ms(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp() * 1000)


def _earlier(known: int | None, new: int) -> int:
    return new if known is None else min(known, new)


def _later(known: int | None, new: int) -> int:
    return new if known is None else max(known, new)
