"""Keeps Django's relational models and migrations off Cassandra."""

from typing import Any


class RelationalOnly:
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:  # noqa: ARG002
        return False if db == "cassandra" else None
