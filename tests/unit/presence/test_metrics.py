"""Every figure of the engine is shown, under the name that operations.md gives."""

from types import SimpleNamespace
from typing import Any, cast

from apps.presence.engine import Counts
from apps.presence.metrics import PresenceCollector


def test_what_is_shown() -> None:
    engine = SimpleNamespace(
        counts=Counts(written=3, frames=2), gauges=lambda: {"here": ("People", 4), "blind": ("Blind", 1)}
    )
    shown = {
        sample.name: sample.value
        for metric in PresenceCollector(cast("Any", engine)).collect()
        for sample in metric.samples
    }
    assert shown["presence_written_total"] == 3
    assert shown["presence_frames_total"] == 2
    assert (shown["presence_here"], shown["presence_blind"]) == (4, 1)
