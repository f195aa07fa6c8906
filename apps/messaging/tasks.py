"""Celery's door to this room: follow-up work of what was sequenced. May run twice and in any order."""

from collections.abc import Sequence
from typing import Any

from celery import shared_task
from django.db import OperationalError

from apps.core import background
from apps.messaging.actions.attaching import withdraw_files
from apps.messaging.actions.follow_thread import follow_replies
from apps.messaging.ports import StoreUnavailableError

_TIMEOUT_S = 60.0


@shared_task(  # type: ignore[untyped-decorator]  # Celery has no types
    name="messaging.follow_thread",
    autoretry_for=(OperationalError, StoreUnavailableError, TimeoutError),
    retry_backoff=2,
    retry_jitter=True,
    max_retries=None,
)
def follow_thread(events: Sequence[dict[str, Any]]) -> None:
    """Replies were posted: whom they concern follows their threads. An event is {stream, seq, …}."""
    places = [(event["stream"], event["seq"]) for event in events]
    background.run(follow_replies(places=places), timeout_s=_TIMEOUT_S)


@shared_task(  # type: ignore[untyped-decorator]
    name="messaging.withdraw_files",
    autoretry_for=(OperationalError, StoreUnavailableError, TimeoutError),
    retry_backoff=2,
    retry_jitter=True,
    max_retries=None,
)
def withdraw_files_of(events: Sequence[dict[str, Any]]) -> None:
    """Messages were deleted: their files go with them."""
    places = [(event["stream"], event["seq"]) for event in events]
    background.run(withdraw_files(places=places), timeout_s=_TIMEOUT_S)
