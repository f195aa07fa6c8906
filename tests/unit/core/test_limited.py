"""A task over its limit is stopped in its thread, and what comes after it in that thread is not."""

import subprocess
import sys
import threading

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from apps.core.limited import LimitedTask, Limits, limits
from slackclone.celery import app


def in_thread(work) -> list[BaseException | None]:
    found: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
            found.append(None)
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return found


def spin() -> None:
    """Waits in steps, as a loop over many rows does."""
    waiting = threading.Event()
    for _ in range(2_000):
        waiting.wait(0.005)


def test_a_task_over_its_limit_is_stopped() -> None:
    quick = Limits(tick_s=0.01)

    def work() -> None:
        with quick.limit(0.05):
            spin()

    (error,) = in_thread(work)
    assert isinstance(error, SoftTimeLimitExceeded)


def test_what_comes_after_it_is_left_alone() -> None:
    quick = Limits(tick_s=0.01)
    after: list[str] = []

    def work() -> None:
        with pytest.raises(SoftTimeLimitExceeded), quick.limit(0.05):
            spin()
        threading.Event().wait(0.1)
        with quick.limit(60):
            after.append("ran")

    assert in_thread(work) == [None]
    assert after == ["ran"]


TRACED = """
import sys
from apps.core.limited import Limits
with Limits().limit(60):
    pass
sys.setprofile(lambda *_: None)
def begins(): return "begun"
print(begins())
"""


def test_a_traced_call_begins_after_a_task() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TRACED], cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=20, check=True
    )
    assert ran.stdout == "begun\n"


def test_every_task_of_the_product_has_one() -> None:
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert len(ours) > 10
    assert all(isinstance(task, LimitedTask) for task in ours)


def test_a_task_called_by_the_worker_runs_within_it(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TASK_LIMIT_S = 7.0
    seen: list[float] = []
    of_process = limits.limit

    def limit(seconds: float):
        seen.append(seconds)
        return of_process(seconds)

    monkeypatch.setattr(limits, "limit", limit)

    @app.task(name="tests.limited")
    def limited() -> str:
        return "done"

    assert limited.apply().get() == "done"
    assert seen == [7.0]
