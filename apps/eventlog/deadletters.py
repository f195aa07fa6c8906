"""Where records go that can't be read: logged, and kept in a table as well as the database allows."""

import asyncio
import logging

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from apps.core.clock import now_ms
from apps.eventlog.models import DeadLetter
from apps.eventlog.ports import LogRecord

_logger = logging.getLogger(__name__)
_VALUE_MAX = 64 * 1024
_tasks: set[asyncio.Task[None]] = set()


def record_soon(record: LogRecord, reason: str) -> None:
    """Never holds the sequencer up: the log has the record in any case, at the place that is logged here."""
    position = record.position
    _logger.error("skipped record %d:%d of %r: %s", position.partition, position.offset, record.key[:64], reason)
    task = asyncio.create_task(asyncio.to_thread(_keep, record, reason))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _keep(record: LogRecord, reason: str) -> None:
    try:
        close_old_connections()
        DeadLetter.objects.get_or_create(
            partition=record.position.partition,
            offset=record.position.offset,
            defaults={
                "key": record.key.replace("\0", "\N{REPLACEMENT CHARACTER}")[:1000],
                "value": record.value[:_VALUE_MAX],
                "reason": reason[:1000],
                "at_ms": now_ms(),
            },
        )
    except (DatabaseError, InterfaceError):
        _logger.exception("a dead letter could not be kept")
    finally:
        connection.close()
