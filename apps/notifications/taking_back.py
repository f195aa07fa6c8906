"""Read on one device, gone from the others: called with the markers that moved, wherever they moved."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from celery import current_app
from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from kombu.exceptions import OperationalError

from apps.core import threads
from apps.notifications.models import Notification
from apps.reads.moves import Moved

TASK = "notifications.close_shown"
ROWS_MAX = 2_000
_CHUNK = 500
_DEADLINE_S = 5.0
_State = Notification.State
_log = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="taking-back")


async def moved(markers: Sequence[Moved]) -> None:
    """Never raises: what is not taken back stays until it is looked at."""
    for start in range(0, len(markers), _CHUNK):
        some = markers[start : start + _CHUNK]
        try:
            shown = await threads.read(lambda some=some: _withdraw(some))  # type: ignore[misc]  # bound at once
            if shown:
                async with asyncio.timeout(_DEADLINE_S):
                    await asyncio.get_running_loop().run_in_executor(_threads, _hand_over, shown)
        except (DatabaseError, InterfaceError, OperationalError, OSError, TimeoutError) as error:
            _log.warning("notifications that were read are not taken back: %s", error)


def _withdraw(markers: Sequence[Moved]) -> dict[int, list[int]]:
    """By person, the events whose notification is on their devices. One read, and a write only when there is one."""
    places = {(marker.user_id, marker.scope_id): marker.n for marker in markers}
    waiting = Q(state__in=[_State.PENDING, _State.SENT]) | Q(mail_at__isnull=False)
    rows = Notification.objects.filter(
        waiting,
        user_id__in={marker.user_id for marker in markers},
        channel_id__in={marker.channel_id for marker in markers},
    )
    over, shown = [], dict[int, list[int]]()
    for row in rows.only("id", "user_id", "channel_id", "thread_id", "event_id", "position", "state")[:ROWS_MAX]:
        if row.position <= places.get((row.user_id, row.thread_id or row.channel_id), 0):
            over.append(row.pk)
            if row.state == _State.SENT:
                shown.setdefault(row.user_id, []).append(row.event_id)
    if over:
        Notification.objects.filter(id__in=over).update(mail_at=None)
        Notification.objects.filter(id__in=over, state__in=[_State.PENDING, _State.SENT]).update(
            state=_State.WITHDRAWN, detail="read"
        )
    return shown


def _hand_over(shown: dict[int, list[int]]) -> None:
    for user_id, event_ids in shown.items():
        args = [str(user_id), [str(event_id) for event_id in event_ids]]
        current_app.send_task(TASK, args=args, retry=False, ignore_result=True)
