"""Tasks that failed for good leave a row, and never stop those behind them."""

import logging
from typing import Any

from django.db import DatabaseError

from apps.core.limited import LimitedTask
from apps.notifications import metrics
from apps.notifications.models import DeadTask

_log = logging.getLogger(__name__)


class Recorded(LimitedTask):
    """Base of this room's tasks."""

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        metrics.DEAD_TASKS.inc()
        _log.error("%s%r failed for good: %r", self.name, tuple(args), exc)
        try:
            DeadTask.objects.create(task=self.name, args=list(args), reason=repr(exc)[:2000])
        except DatabaseError:
            _log.exception("the dead task is not recorded")
