"""Plants each anomaly and sees it found, and nothing found where there is none."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from bench.checker import Operation, Seen, check

MESSAGES = 20


@dataclass
class Run:
    operations: list[Operation] = field(default_factory=list)
    readers: dict[str, list[Seen]] = field(default_factory=dict)
    history: list[Seen] = field(default_factory=list)


def clean() -> Run:
    history = [Seen(i + 1, f"m{i}", f"k{i}", timestamp=1000 + i // 3, n=i) for i in range(1, MESSAGES + 1)]
    joined = Seen(seq=1, message_id=None, client_msg_id=None, timestamp=1000)
    return Run(
        [Operation(f"k{i}", "ok", f"m{i}") for i in range(1, MESSAGES + 1)]
        + [Operation("refused", "fail"), Operation("perhaps", "unknown")],
        {"ann": [joined, *history], "bob": list(history[5:])},
        history,
    )


def _lose_acknowledged(run: Run) -> None:
    run.operations.append(Operation("k99", "ok", "m99"))


def _lose_what_was_seen(run: Run) -> None:
    run.history.pop()
    run.operations[MESSAGES - 1] = Operation(f"k{MESSAGES}", "unknown")


def _repeat_live(run: Run) -> None:
    run.readers["ann"].insert(4, run.readers["ann"][3])


def _repeat_in_history(run: Run) -> None:
    last = run.history[-1]
    again = replace(last, seq=last.seq + 1, message_id="again", n=last.n + 1)
    run.history.append(again)
    for seen in run.readers.values():
        seen.append(again)


def _swap_for_one_reader(run: Run) -> None:
    seen = run.readers["bob"]
    seen[2], seen[3] = replace(seen[3], seq=seen[2].seq), replace(seen[2], seq=seen[3].seq)


def _other_id_than_acknowledged(run: Run) -> None:
    run.operations[0] = Operation("k1", "ok", "other")


def _deliver_out_of_order(run: Run) -> None:
    seen = run.readers["ann"]
    seen[7], seen[8] = seen[8], seen[7]


def _turn_the_clock_back(run: Run) -> None:
    run.history[-1] = replace(run.history[-1], timestamp=1)


def _skip_a_seq(run: Run) -> None:
    del run.readers["ann"][10]


def _skip_a_count(run: Run) -> None:
    run.history[:] = [replace(row, n=row.n + (row.n > 7)) for row in run.history]


def _miss_the_end(run: Run) -> None:
    run.readers["bob"].pop()


def _miss_everything(run: Run) -> None:
    run.readers["cy"] = []


def _accept_what_was_refused(run: Run) -> None:
    row = Seen(seq=MESSAGES + 2, message_id="no", client_msg_id="refused", timestamp=9999, n=MESSAGES + 1)
    run.history.append(row)
    for seen in run.readers.values():
        seen.append(row)


PLANTED: list[tuple[Callable[[Run], None], str, str]] = [
    (_lose_acknowledged, "lost", "history"),
    (_lose_what_was_seen, "lost", "ann"),
    (_repeat_live, "duplicate", "ann"),
    (_repeat_in_history, "duplicate", "history"),
    (_swap_for_one_reader, "divergent", "bob"),
    (_other_id_than_acknowledged, "divergent", "history"),
    (_deliver_out_of_order, "non_monotonic", "ann"),
    (_turn_the_clock_back, "non_monotonic", "history"),
    (_skip_a_seq, "skipped", "ann"),
    (_skip_a_count, "skipped", "history"),
    (_miss_the_end, "unseen", "bob"),
    (_miss_everything, "unseen", "cy"),
    (_accept_what_was_refused, "phantom", "history"),
]


def test_a_clean_run_has_no_anomaly() -> None:
    run = clean()
    report = check(run.operations, run.readers, run.history)
    assert report.anomalies == []
    assert (report.acknowledged, report.unknown, report.in_history) == (MESSAGES, 1, MESSAGES)
    report.raise_if_any()


@pytest.mark.parametrize(("plant", "kind", "where"), PLANTED, ids=[plant.__name__[1:] for plant, _, _ in PLANTED])
def test_a_planted_anomaly_is_found_where_it_lies(plant: Callable[[Run], None], kind: str, where: str) -> None:
    run = clean()
    plant(run)
    report = check(run.operations, run.readers, run.history)
    assert (kind, where) in {(anomaly.kind, anomaly.where) for anomaly in report.anomalies}
    with pytest.raises(AssertionError, match=kind):
        report.raise_if_any()


def test_an_unknown_outcome_may_appear_once_or_not_at_all() -> None:
    run = clean()
    row = Seen(seq=MESSAGES + 2, message_id="m", client_msg_id="perhaps", timestamp=9999, n=MESSAGES + 1)
    run.history.append(row)
    for seen in run.readers.values():
        seen.append(row)
    assert check(run.operations, run.readers, run.history).anomalies == []


def test_what_a_reader_missed_before_its_first_event_counts_when_its_start_is_known() -> None:
    run = clean()
    assert check(run.operations, run.readers, run.history, since={"bob": run.history[4].seq}).anomalies == []
    report = check(run.operations, run.readers, run.history, since={"bob": run.history[3].seq})
    assert report.counts == {"skipped": 1, "unseen": 1}


def test_what_a_reader_was_told_to_read_from_history_it_may_lack_and_nothing_else() -> None:
    run = clean()
    before, after = run.history[8].seq, run.history[12].seq
    run.readers["ann"] = [event for event in run.readers["ann"] if not before < event.seq <= after]
    found = check(run.operations, run.readers, run.history, resynced={"ann": [(before, after)]})
    assert not found.anomalies
    short = check(run.operations, run.readers, run.history, resynced={"ann": [(before, after - 1)]})
    assert {(anomaly.kind, anomaly.where) for anomaly in short.anomalies} == {("skipped", "ann"), ("unseen", "ann")}
