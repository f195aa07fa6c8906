"""Who is told of a message, how, and when. Pure: tests/unit/notifications/test_policies.py is its table.

In short: what is one's own, read or muted is silent; what names a person, or everyone, or a word they wait for is
pushed; a client that is there and used has ACK_WAIT_MS to acknowledge first; do-not-disturb leaves it to a letter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from apps.presence.states import State

Way = Literal["none", "push", "email"]
ACK_WAIT_MS = 12_000
# Reasons in the order in which they are named when several hold.
REASONS = ("dm", "mention", "here", "channel", "keyword", "thread", "all")
# What the gateway sees acknowledged, message by message; of the rest a live client is taken at its word.
WATCHED = frozenset({"dm", "mention", "thread"})
# What a letter may remind of later; the rest is only noise by then.
_MAILED = frozenset({"dm", "mention", "here", "channel", "keyword"})


DIGEST_HOUR = 8
_MORNINGS = {"daily": frozenset(range(7)), "weekly": frozenset({0})}


@dataclass(frozen=True, slots=True)
class Facts:
    """An event as it concerns one person. `top_level`: it stands in the channel, not only in a thread."""

    dm: bool = False
    mention: bool = False
    here: bool = False
    channel: bool = False
    keyword: bool = False
    thread: bool = False
    top_level: bool = True
    own: bool = False
    sender_is_bot: bool = False
    sender_is_guest: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for: the channel's level where there is one, else the workspace's."""

    level: str = "mentions"
    muted: bool = False
    email: bool = True
    digest: str = "soon"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How the person is now. `read`: their marker has passed it. `unacknowledged`: the gateway gave up on them."""

    state: State = "offline"
    dnd: bool = False
    active_device: bool = False
    read: bool = False
    unacknowledged: bool = False
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` says why it is told, or why it is not. `mail`: a letter follows when it is still unread later."""

    way: Way
    reason: str
    delay_ms: int = 0
    mail: bool = False


def mail_at(digest: str, *, now: datetime, after_ms: int) -> int:
    """When (ms) what happens now is mailed; `now` in the person's own time."""
    if digest not in _MORNINGS:
        return int(now.timestamp() * 1000) + after_ms
    morning = now.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    while morning <= now or morning.weekday() not in _MORNINGS[digest]:
        morning += timedelta(days=1)
    return int(morning.timestamp() * 1000)


def decide(facts: Facts, wish: Wish, now: Circumstances) -> Decision:
    silence = _silence(facts, wish, now)
    reason = None if silence else _reason(facts, wish, now)
    if reason is None:
        return Decision("none", silence or "not_concerned")
    mail = wish.email and reason in _MAILED and not facts.sender_is_bot
    if now.dnd:
        return Decision("email" if mail else "none", "dnd", mail=mail)
    # Away: their window has it, but nobody is looking at it.
    waits = (now.state == "online" or now.active_device) and not now.unacknowledged
    return Decision("push", reason, ACK_WAIT_MS if waits else 0, mail=mail)


def _silence(facts: Facts, wish: Wish, now: Circumstances) -> str | None:
    if facts.own:
        return "own"
    if now.is_bot:
        return "bot"
    if now.read:
        return "read"
    if wish.muted:
        return "muted"
    if wish.level == "nothing":
        return "level"
    return None


def _reason(facts: Facts, wish: Wish, now: Circumstances) -> str | None:
    """A guest may not ring for everybody: their @channel and @here name nobody. @here is for who is here."""
    everybody = not facts.sender_is_guest
    holds = {
        "dm": facts.dm,
        "mention": facts.mention,
        "here": facts.here and everybody and (now.state != "offline" or now.unacknowledged),
        "channel": facts.channel and everybody,
        "keyword": facts.keyword,
        "thread": facts.thread,
        "all": wish.level == "all" and facts.top_level,
    }
    return next((reason for reason in REASONS if holds[reason]), None)


def keyword_hit(text: str, keywords: Sequence[str]) -> bool:
    """Whole words or phrases, whatever their case."""
    return any(
        re.search(rf"(?<!\w){re.escape(keyword)}(?!\w)", text, re.IGNORECASE) is not None for keyword in keywords
    )


def is_muted(*, muted: bool, until_ms: int | None, now_ms: int) -> bool:
    return muted and (until_ms is None or until_ms > now_ms)
