"""The policy as one table: what is posted, what the person wants, how the person is, what follows."""

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from apps.notifications.policies import (
    ACK_WAIT_MS,
    REASONS,
    Circumstances,
    Decision,
    Facts,
    Wish,
    decide,
    is_muted,
    keyword_hit,
    mail_at,
)
from apps.presence.states import State

OFF, AWAY = Circumstances(), Circumstances(state="away")
ON = Circumstances(state="online", active_device=True)
IDLE_ON = Circumstances(state="online")
DND, DND_ON = Circumstances(dnd=True), Circumstances(state="online", active_device=True, dnd=True)
READ = Circumstances(state="online", active_device=True, read=True)
UNACKED = Circumstances(state="online", active_device=True, unacknowledged=True)
UNACKED_DND = Circumstances(state="online", unacknowledged=True, dnd=True)
BOT = Circumstances(state="online", is_bot=True)

DEFAULT, ALL, NOTHING = Wish(), Wish(level="all"), Wish(level="nothing")
MUTED, NO_MAIL = Wish(muted=True), Wish(email=False)

PLAIN = Facts()
DM, MENTION, HERE, CHANNEL = Facts(dm=True), Facts(mention=True), Facts(here=True), Facts(channel=True)
KEYWORD, THREAD = Facts(keyword=True), Facts(thread=True, top_level=False)
REPLY = Facts(top_level=False)


def none(reason: str) -> Decision:
    return Decision("none", reason)


def push(reason: str, *, wait: bool = False, mail: bool = True) -> Decision:
    return Decision("push", reason, ACK_WAIT_MS if wait else 0, mail=mail)


TABLE = [
    # a plain message concerns who asked for everything
    (PLAIN, DEFAULT, OFF, none("not_concerned")),
    (PLAIN, DEFAULT, ON, none("not_concerned")),
    (PLAIN, ALL, OFF, push("all", mail=False)),
    (PLAIN, ALL, ON, push("all", wait=True, mail=False)),
    (PLAIN, ALL, DND, none("dnd")),
    (PLAIN, NOTHING, OFF, none("level")),
    (REPLY, ALL, OFF, none("not_concerned")),
    (Facts(top_level=True, thread=False), ALL, AWAY, push("all", mail=False)),
    # a direct message
    (DM, DEFAULT, OFF, push("dm")),
    (DM, DEFAULT, AWAY, push("dm")),
    (DM, DEFAULT, ON, push("dm", wait=True)),
    (DM, DEFAULT, IDLE_ON, push("dm", wait=True)),
    (DM, DEFAULT, DND, Decision("email", "dnd", mail=True)),
    (DM, DEFAULT, DND_ON, Decision("email", "dnd", mail=True)),
    (DM, NO_MAIL, DND, none("dnd")),
    (DM, NO_MAIL, OFF, push("dm", mail=False)),
    (DM, DEFAULT, READ, none("read")),
    (DM, DEFAULT, UNACKED, push("dm")),
    (DM, DEFAULT, UNACKED_DND, Decision("email", "dnd", mail=True)),
    (DM, MUTED, OFF, none("muted")),
    (DM, NOTHING, OFF, none("level")),
    (DM, ALL, OFF, push("dm")),
    (DM, DEFAULT, BOT, none("bot")),
    # a mention by name
    (MENTION, DEFAULT, OFF, push("mention")),
    (MENTION, DEFAULT, AWAY, push("mention")),
    (MENTION, DEFAULT, ON, push("mention", wait=True)),
    (MENTION, DEFAULT, READ, none("read")),
    (MENTION, DEFAULT, UNACKED, push("mention")),
    (MENTION, MUTED, OFF, none("muted")),
    (MENTION, MUTED, UNACKED, none("muted")),
    (MENTION, NOTHING, ON, none("level")),
    (MENTION, DEFAULT, DND, Decision("email", "dnd", mail=True)),
    (MENTION, DEFAULT, BOT, none("bot")),
    # @here: who is here
    (HERE, DEFAULT, OFF, none("not_concerned")),
    (HERE, DEFAULT, AWAY, push("here")),
    (HERE, DEFAULT, ON, push("here", wait=True)),
    (HERE, DEFAULT, UNACKED, push("here")),
    (HERE, DEFAULT, Circumstances(unacknowledged=True), push("here")),
    (HERE, DEFAULT, DND_ON, Decision("email", "dnd", mail=True)),
    (HERE, MUTED, ON, none("muted")),
    (HERE, ALL, OFF, push("all", mail=False)),
    (Facts(here=True, mention=True), DEFAULT, OFF, push("mention")),
    (Facts(here=True, keyword=True), DEFAULT, OFF, push("keyword")),
    # @channel: everybody
    (CHANNEL, DEFAULT, OFF, push("channel")),
    (CHANNEL, DEFAULT, ON, push("channel", wait=True)),
    (CHANNEL, MUTED, OFF, none("muted")),
    (CHANNEL, NOTHING, OFF, none("level")),
    (CHANNEL, DEFAULT, DND, Decision("email", "dnd", mail=True)),
    (CHANNEL, DEFAULT, READ, none("read")),
    # guests can't ring for everybody; by name they can
    (Facts(channel=True, sender_is_guest=True), DEFAULT, OFF, none("not_concerned")),
    (Facts(here=True, sender_is_guest=True), DEFAULT, ON, none("not_concerned")),
    (Facts(channel=True, sender_is_guest=True), ALL, OFF, push("all", mail=False)),
    (Facts(mention=True, sender_is_guest=True), DEFAULT, OFF, push("mention")),
    (Facts(dm=True, sender_is_guest=True), DEFAULT, OFF, push("dm")),
    # words, threads
    (KEYWORD, DEFAULT, OFF, push("keyword")),
    (KEYWORD, DEFAULT, ON, push("keyword", wait=True)),
    (KEYWORD, MUTED, OFF, none("muted")),
    (THREAD, DEFAULT, OFF, push("thread", mail=False)),
    (THREAD, DEFAULT, ON, push("thread", wait=True, mail=False)),
    (THREAD, MUTED, OFF, none("muted")),
    (THREAD, NOTHING, OFF, none("level")),
    (THREAD, DEFAULT, DND, none("dnd")),
    (Facts(thread=True, mention=True, top_level=False), DEFAULT, OFF, push("mention")),
    # what a bot says is pushed and never mailed
    (Facts(dm=True, sender_is_bot=True), DEFAULT, OFF, push("dm", mail=False)),
    (Facts(mention=True, sender_is_bot=True), DEFAULT, DND, none("dnd")),
    # one's own
    (Facts(own=True), ALL, OFF, none("own")),
    (Facts(own=True, dm=True), DEFAULT, OFF, none("own")),
    (Facts(own=True, mention=True), DEFAULT, UNACKED, none("own")),
    (Facts(own=True, channel=True), DEFAULT, OFF, none("own")),
]


@pytest.mark.parametrize(("facts", "wish", "now", "expected"), TABLE)
def test_decision(facts: Facts, wish: Wish, now: Circumstances, expected: Decision) -> None:
    assert decide(facts, wish, now) == expected


STATES: tuple[State, ...] = ("online", "away", "offline")


def every_combination():
    flags = [False, True]
    events = [
        Facts(dm=dm, mention=mention, here=here, channel=channel, keyword=keyword, thread=thread, own=own)
        for dm, mention, here, channel, keyword, thread, own in itertools.product(flags, repeat=7)
    ]
    wishes = [
        Wish(level=level, muted=muted, email=email)
        for level, muted, email in itertools.product(["all", "mentions", "nothing"], flags, flags)
    ]
    people = [
        Circumstances(state=state, dnd=dnd, active_device=active, read=read, unacknowledged=unacknowledged)
        for state, dnd, active, read, unacknowledged in itertools.product(STATES, flags, flags, flags, flags)
    ]
    return itertools.product(events, wishes, people)


def test_what_holds_in_every_combination() -> None:
    for facts, wish, now in every_combination():
        decision = decide(facts, wish, now)
        if facts.own or now.read or wish.muted or wish.level == "nothing":
            assert decision.way == "none", (facts, wish, now)
        if now.dnd:
            assert decision.way != "push", (facts, wish, now)
        if decision.way == "push":
            assert decision.reason in REASONS
            waits = (now.state == "online" or now.active_device) and not now.unacknowledged
            assert (decision.delay_ms > 0) == waits, (facts, wish, now)
        if not wish.email:
            assert not decision.mail
            assert decision.way != "email", (facts, wish, now)
        if decision.way == "none":
            assert not decision.mail


@pytest.mark.parametrize(
    ("text", "keywords", "hit"),
    [
        ("The deploy is done", ["deploy"], True),
        ("DEPLOY!", ["deploy"], True),
        ("redeployed", ["deploy"], False),
        ("on call: c++ build", ["c++"], True),
        ("release train leaves", ["release train"], True),
        ("Ärger im Büro", ["büro"], True),
        ("a.b", ["a"], True),
        ("", ["a"], False),
        ("anything", [], False),
    ],
)
def test_keywords_are_whole_words(text: str, keywords: list[str], hit: bool) -> None:
    assert keyword_hit(text, keywords) is hit


def test_a_mute_ends() -> None:
    assert is_muted(muted=True, until_ms=None, now_ms=5)
    assert is_muted(muted=True, until_ms=6, now_ms=5)
    assert not is_muted(muted=True, until_ms=5, now_ms=5)
    assert not is_muted(muted=False, until_ms=None, now_ms=5)


@pytest.mark.parametrize(
    ("digest", "now", "wanted"),
    [
        ("soon", "2026-03-04T10:00", "2026-03-04T10:15"),
        ("daily", "2026-03-04T07:59", "2026-03-04T08:00"),
        ("daily", "2026-03-04T08:00", "2026-03-05T08:00"),
        ("daily", "2026-03-28T23:00", "2026-03-29T08:00"),  # the clock goes forward that night
        ("weekly", "2026-03-04T10:00", "2026-03-09T08:00"),
        ("weekly", "2026-03-09T07:00", "2026-03-09T08:00"),
        ("weekly", "2026-03-09T09:00", "2026-03-16T08:00"),
    ],
)
def test_letters_come_in_the_morning_of_whom_they_are_for(digest: str, now: str, wanted: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    found = mail_at(digest, now=datetime.fromisoformat(now).replace(tzinfo=zone), after_ms=15 * 60_000)
    assert datetime.fromtimestamp(found / 1000, zone).strftime("%Y-%m-%dT%H:%M") == wanted
