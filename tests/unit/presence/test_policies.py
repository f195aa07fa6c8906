from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.presence.policies import NO_WISHES, Schedule, Wishes, in_dnd, next_change, shown

WEEK = tuple(range(7))
NIGHT = Schedule(22 * 60, 8 * 60, WEEK)
OFFICE = Schedule(9 * 60, 17 * 60, (0, 1, 2, 3, 4))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("wishes", "moment", "dnd"),
    [
        (NO_WISHES, "2026-03-02 03:00", False),
        (Wishes(dnd_until=at("2026-03-02 12:00")), "2026-03-02 11:59", True),
        (Wishes(dnd_until=at("2026-03-02 12:00")), "2026-03-02 12:00", False),
        (Wishes(schedule=NIGHT), "2026-03-02 21:59", False),
        (Wishes(schedule=NIGHT), "2026-03-02 22:00", True),
        (Wishes(schedule=NIGHT), "2026-03-03 07:59", True),
        (Wishes(schedule=NIGHT), "2026-03-03 08:00", False),
        (Wishes(schedule=NIGHT, timezone="America/New_York"), "2026-03-03 08:00", True),
        (Wishes(schedule=NIGHT, timezone="America/New_York"), "2026-03-03 13:00", False),
        (Wishes(schedule=OFFICE), "2026-03-06 16:59", True),  # a Friday
        (Wishes(schedule=OFFICE), "2026-03-07 12:00", False),
        # begun on Sunday evening only: Monday morning still belongs to it, Tuesday's does not
        (Wishes(schedule=Schedule(22 * 60, 8 * 60, (6,))), "2026-03-02 07:00", True),
        (Wishes(schedule=Schedule(22 * 60, 8 * 60, (6,))), "2026-03-03 07:00", False),
    ],
)
def test_do_not_disturb(wishes: Wishes, moment: str, dnd: bool) -> None:
    assert in_dnd(wishes, at(moment)) is dnd


def test_the_clocks_change_and_the_night_stays_where_the_wall_says() -> None:
    berlin = Wishes(schedule=NIGHT, timezone="Europe/Berlin")
    assert in_dnd(berlin, at("2026-03-28 06:59"))
    assert not in_dnd(berlin, at("2026-03-28 07:00"))
    assert not in_dnd(berlin, at("2026-03-29 06:00"))
    assert next_change(berlin, at("2026-03-28 22:00")) == at("2026-03-29 06:00")


@given(
    start=st.integers(0, 1439),
    end=st.integers(0, 1439),
    days=st.sets(st.integers(0, 6), min_size=1),
    until=st.none() | st.integers(-5000, 20_000),
    zone=st.sampled_from(["", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
    # away from the two hours a year that a wall clock skips or shows twice
    day=st.integers(0, 6),
    minute=st.integers(0, 1439),
)
def test_nothing_changes_before_the_next_change(
    start: int, end: int, days: set[int], until: int | None, zone: str, day: int, minute: int
) -> None:
    if start == end:
        end = (end + 1) % 1440
    now = at("2026-06-01 00:00") + timedelta(days=day, minutes=minute)
    wishes = Wishes(
        dnd_until=None if until is None else now + timedelta(minutes=until),
        schedule=Schedule(start, end, tuple(days)),
        timezone=zone,
    )
    change = next_change(wishes, now)
    horizon = change or now + timedelta(days=8)
    step = max((horizon - now) / 50, timedelta(minutes=1))
    moment = now
    while moment < horizon:
        assert in_dnd(wishes, moment) == in_dnd(wishes, now)
        moment += step
    if change is not None:
        assert in_dnd(wishes, change) != in_dnd(wishes, now)


def test_away_by_hand_hides_that_a_device_is_active_from_others_only() -> None:
    now = at("2026-03-02 12:00")
    hidden = shown(7, "online", Wishes(away=True), now)
    assert (hidden.state, hidden.active_device) == ("away", True)
    assert shown(7, "offline", Wishes(away=True), now).state == "offline"
    assert shown(7, "away", NO_WISHES, now).active_device is False
