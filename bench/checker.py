"""Order and loss: what readers saw, and what history says, against what senders were told.

An operation ends `ok` (acknowledged), `fail` (refused: must not appear) or `unknown` (may
appear, once).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

Outcome = Literal["ok", "fail", "unknown"]
Kind = Literal["lost", "duplicate", "divergent", "non_monotonic", "skipped", "unseen", "phantom"]
_SHOWN = 8


@dataclass(frozen=True)
class Operation:
    client_msg_id: str
    outcome: Outcome
    message_id: str | None = None


@dataclass(frozen=True)
class Seen:
    """One event or one row of history. `client_msg_id` and `message_id` are None for events that post nothing."""

    seq: int
    message_id: str | None
    client_msg_id: str | None
    timestamp: int
    n: int = 0

    @classmethod
    def of_event(cls, frame: Mapping[str, Any]) -> "Seen":
        if frame["type"] != "message.posted":
            return cls(frame["seq"], None, None, frame["timestamp"])
        return cls.of_message(frame["data"])

    @classmethod
    def of_message(cls, message: Mapping[str, Any]) -> "Seen":
        return cls(
            message["seq"], message["message_id"], message["client_msg_id"], message["timestamp"], message.get("n", 0)
        )


@dataclass(frozen=True)
class Anomaly:
    """`where` is a reader's name, or "history"."""

    kind: Kind
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.where}): {self.detail}"


@dataclass
class Report:
    anomalies: list[Anomaly] = field(default_factory=list)
    acknowledged: int = 0
    unknown: int = 0
    in_history: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(anomaly.kind for anomaly in self.anomalies))

    def add(self, kind: Kind, where: str, found: Sequence[object], what: str) -> None:
        """One anomaly for all that was found of a kind at a place; its detail names the first few."""
        if found:
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            self.anomalies.append(
                Anomaly(kind, where, f"{len(found)} {what}: {', '.join(map(str, found[:_SHOWN]))}{more}")
            )

    def raise_if_any(self) -> None:
        if self.anomalies:
            raise AssertionError("\n".join(map(str, self.anomalies)))


def check(
    operations: Iterable[Operation],
    readers: Mapping[str, Sequence[Seen]],
    history: Sequence[Seen],
    *,
    since: Mapping[str, int] | None = None,
    resynced: Mapping[str, Sequence[tuple[int, int]]] | None = None,
) -> Report:
    """`history` oldest first and whole; `readers` saw the channel live until it was drained.

    `since` says, by reader, the seq after which it follows the channel; without it, it starts with its first event.
    `resynced` says, by reader, the (after, up to) that it was told to read from history: those it may lack.

    lost           acknowledged, but not in history
    unseen         in history, after the reader's start, but the reader did not see it
    duplicate      a message id, a client_msg_id or a seq twice in one place
    divergent      two places disagree about what holds a seq
    non_monotonic  seq, timestamp or n goes backwards
    skipped        a gap in a reader's seq, or in the channel's message count n of history
    phantom        refused, or posted by nobody, and yet there
    """
    by_key = {operation.client_msg_id: operation for operation in operations}
    report = Report(
        acknowledged=sum(operation.outcome == "ok" for operation in by_key.values()),
        unknown=sum(operation.outcome == "unknown" for operation in by_key.values()),
        in_history=len(history),
    )
    stored = {row.client_msg_id: row for row in history if row.client_msg_id is not None}
    _losses(report, by_key, stored, history)
    _order(report, "history", history)
    _dense(report, "history", [row.n for row in history if row.n], "counts missing")
    holder = {row.seq: ("history", row) for row in history}
    for name, seen in readers.items():
        _order(report, name, seen)
        start = (since or {}).get(name, min((event.seq for event in seen), default=1) - 1)
        told = {seq for after, upto in (resynced or {}).get(name, ()) for seq in range(after + 1, upto + 1)}
        _dense(report, name, [start, *told, *(event.seq for event in seen)], "seqs missing")
        report.add(
            "divergent",
            name,
            [
                f"seq {event.seq} is {event.message_id}, in {holder[event.seq][0]} {holder[event.seq][1].message_id}"
                for event in seen
                if event.seq in holder and holder[event.seq][1].message_id != event.message_id
            ],
            "seqs held by something else",
        )
        for event in seen:
            holder.setdefault(event.seq, (name, event))
        had = {event.message_id for event in seen}
        report.add(
            "unseen",
            name,
            [
                row.message_id
                for row in history
                if row.seq > start and row.seq not in told and row.message_id not in had
            ],
            "messages not seen",
        )
        in_history = {row.message_id for row in history}
        report.add(
            "lost",
            name,
            [event.message_id for event in seen if event.message_id is not None and event.message_id not in in_history],
            "messages seen live but not in history",
        )
    return report


def _losses(
    report: Report, by_key: Mapping[str, Operation], stored: Mapping[str, Seen], history: Sequence[Seen]
) -> None:
    ended_ok = [operation for operation in by_key.values() if operation.outcome == "ok"]
    report.add(
        "lost",
        "history",
        [o.client_msg_id for o in ended_ok if o.client_msg_id not in stored],
        "acknowledged, not there",
    )
    report.add(
        "divergent",
        "history",
        [
            f"{o.client_msg_id} acknowledged as {o.message_id}, is {stored[o.client_msg_id].message_id}"
            for o in ended_ok
            if o.message_id and o.client_msg_id in stored and stored[o.client_msg_id].message_id != o.message_id
        ],
        "acknowledged under another id",
    )
    report.add(
        "phantom",
        "history",
        [
            row.client_msg_id or row.message_id
            for row in history
            if row.client_msg_id is None
            or row.client_msg_id not in by_key
            or by_key[row.client_msg_id].outcome == "fail"
        ],
        "refused or unknown to every sender",
    )


def _order(report: Report, where: str, seen: Sequence[Seen]) -> None:
    for what, values in (
        ("message ids", [event.message_id for event in seen]),
        ("client_msg_ids", [event.client_msg_id for event in seen]),
        ("seqs", [event.seq for event in seen]),
    ):
        repeated = [value for value, times in Counter(values).items() if value is not None and times > 1]
        report.add("duplicate", where, repeated, f"{what} more than once")
    pairs = list(pairwise(seen))
    report.add("non_monotonic", where, [b.seq for a, b in pairs if b.seq < a.seq], "seqs after a greater one")
    report.add(
        "non_monotonic",
        where,
        [b.seq for a, b in pairs if b.timestamp < a.timestamp],
        "timestamps went backwards at seq",
    )


def _dense(report: Report, where: str, values: Sequence[int], what: str) -> None:
    if values:
        there = set(values)
        report.add("skipped", where, [v for v in range(min(there), max(there) + 1) if v not in there], what)
