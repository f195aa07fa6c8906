"""A long channel at once, straight through the store's port, as the sequencer would have written it over years.

Run with the product's environment: `python -m bench.prefill` reads {"channel_id", "workspace_id", "sender_ids",
"count", "mark"} and prints {"marked": id of the message that has `mark` newer ones, "took_s"}. Nobody may post in that
channel afterwards: the log knows nothing of its events.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import django

BATCH = 2000
SPAN_MS = 2 * 365 * 24 * 3600 * 1000
_WORDS = ("kettle", "tea", "ready", "when", "everybody", "has", "found", "a", "chair", "near", "the", "window", "now")


async def fill(
    *, channel_id: int, workspace_id: int, sender_ids: Sequence[int], count: int, mark: int, key_id: int, key: bytes
) -> str:
    from django.conf import settings

    from apps.core import crypto, ids
    from apps.core.clock import now_ms
    from apps.eventlog.events import Envelope, Position, Sequenced, encode, seal_context
    from apps.messaging.events import Content, MessagePosted
    from apps.messaging.ports import Head
    from apps.messaging.registry import store

    stream, marked = f"c:{channel_id}", ""
    start = now_ms() - SPAN_MS
    bucket, rows = "", 0
    batch: list[Sequenced] = []
    await store().setup()
    for seq in range(1, count + 1):
        at = start + SPAN_MS * seq // (count + 1)
        month = f"{datetime.fromtimestamp(at / 1000, UTC):%Y_%m}"
        if not bucket.startswith(month):
            bucket, rows = month, 0
        elif rows >= settings.STORE_BUCKET_ROWS:
            bucket, rows = f"{month}.{int(bucket.partition('.')[2] or 0) + 1}", 0
        rows += 1
        # Sorted like real ones: the time in the high bits, then something that no other message of the millisecond has.
        message_id = (at - ids.EPOCH_MS) << 22 | (seq & 0x3FFFFF)
        if seq == count - mark:
            marked = str(message_id)
        sender = sender_ids[seq % len(sender_ids)]
        text = " ".join(_WORDS[(seq + word) % len(_WORDS)] for word in range(8 + seq % 25))
        body = MessagePosted(channel_id=str(channel_id), message_id=str(message_id), sender_id=str(sender))
        batch.append(
            Sequenced(
                stream=stream,
                seq=seq,
                count=seq,
                thread_n=0,
                created_at=at,
                bucket=bucket,
                position=Position(0, seq),
                envelope=Envelope(
                    type=body.type,
                    version=body.version,
                    event_id=message_id,
                    actor_id=sender,
                    workspace_id=workspace_id,
                    dedupe=None,
                    counts=True,
                    thread=None,
                    body=encode(body),
                    sealed=crypto.seal(
                        encode(Content(text)), key_id=key_id, key=key, context=seal_context(stream, message_id)
                    ),
                ),
            )
        )
        if len(batch) == BATCH or seq == count:
            head = Head(seq, seq, at, batch[-1].position, bucket, rows)
            await store().apply(batch, {stream: head})
            batch = []
            if seq % (BATCH * 50) == 0:
                print(f"{seq:,} messages", file=sys.stderr, flush=True)
    await store().close()
    return marked


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")
    django.setup()
    from apps.workspaces.keys import data_key

    asked: dict[str, Any] = json.load(sys.stdin)
    workspace_id, started = int(asked["workspace_id"]), time.monotonic()
    key_id, key = data_key(workspace_id)
    marked = asyncio.run(
        fill(
            channel_id=int(asked["channel_id"]),
            workspace_id=workspace_id,
            sender_ids=[int(sender) for sender in asked["sender_ids"]],
            count=asked["count"],
            mark=asked["mark"],
            key_id=key_id,
            key=key,
        )
    )
    json.dump({"marked": marked, "took_s": round(time.monotonic() - started, 1)}, sys.stdout)


if __name__ == "__main__":
    main()
