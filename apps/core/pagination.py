"""Opaque cursors for relational lists: the last row's sort key, base64url of JSON."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

from apps.core.errors import InvalidError
from apps.core.text import storable

MAX_LIMIT = 200
T = TypeVar("T")
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page; `next_cursor` is None on the last."""

    results: Sequence[T]
    next_cursor: str | None


def parse_limit(raw: str | None, *, default: int = 50, maximum: int = MAX_LIMIT) -> int:
    """1..maximum. Raises InvalidError."""
    if raw is None or raw == "":
        return default
    if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw[:6]) <= maximum:
        raise InvalidError(errors={"limit": [f"a whole number from 1 to {maximum}"]})
    return int(raw)


def encode(*key: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode(cursor: str, *types: type) -> list[Any]:
    """The sort key in a cursor. Raises InvalidError when it is not one that `encode` made of these types."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        key = None
    if (
        not isinstance(key, list)
        or [type(part) for part in key] != list(types)
        or not all(storable(part) for part in key if isinstance(part, str))
    ):
        raise InvalidError(errors={"cursor": ["not a cursor from an earlier page"]})
    return key


def page_by_text(rows: QuerySet[M], *, field: str, key: Callable[[M], str], cursor: str | None, limit: int) -> Page[M]:
    """A page ordered by (`field`, id), both ascending."""
    if cursor:
        text, row_id = decode(cursor, str, int)
        rows = rows.filter(Q(**{f"{field}__gt": text}) | Q(**{field: text, "id__gt": row_id}))
    found = list(rows.order_by(field, "id")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Page(found, encode(key(found[-1]), found[-1].pk) if more else None)
