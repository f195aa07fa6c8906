"""Bulk gives way: by the bucket, and by how long the database takes."""

import pytest

from apps.notifications.pacing import CALM, REST, REST_MAX_S, Pace


class Times:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def take(self, people: int) -> float:
        assert people == 16
        return self.waits.pop(0) if self.waits else 0.0


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def pace(times: Times) -> Pace:
    return Pace(16, take=times.take, clock=times.clock, sleep=times.slept.append)


def step(pace: Pace, times: Times, took_s: float) -> None:
    with pace.timed():
        times.now += took_s


def test_a_calm_database_costs_no_rest(pace: Pace, times: Times) -> None:
    for _ in range(5):
        step(pace, times, 0.004)
        pace.turn()
    step(pace, times, 0.004 * CALM)
    pace.turn()
    assert times.slept == []


def test_a_busy_one_is_left_alone_in_proportion_and_up_to_a_limit(pace: Pace, times: Times) -> None:
    step(pace, times, 0.004)
    step(pace, times, 0.020)
    pace.turn()
    assert times.slept == [pytest.approx(REST * (0.020 - CALM * 0.004), rel=0.05)]
    step(pace, times, 5.0)
    pace.turn()
    pace.turn()
    assert times.slept[1:] == [REST_MAX_S]


def test_a_step_that_was_quick_once_is_forgotten(pace: Pace, times: Times) -> None:
    step(pace, times, 0.002)
    for _ in range(300):
        step(pace, times, 0.020)
    pace.turn()
    assert times.slept == []


def test_the_bucket_is_waited_for(pace: Pace, times: Times) -> None:
    times.waits = [0.3, 0.1]
    pace.turn()
    assert times.slept == [0.3, 0.1]


def test_a_bucket_that_never_fills_delays_and_does_not_stop(pace: Pace, times: Times) -> None:
    times.waits = [2.0] * 100
    pace.turn()
    assert len(times.slept) < 10
