"""Sealing and opening what people write, with the data keys of their workspace.

Keys come from the database once and are then kept here for KEPT_S, so that sealing and opening need no thread. Opening
is synchronous: whoever presents something calls `warm` for it first.
"""

import functools
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import msgspec
from django.db import DatabaseError

from apps.core import crypto, threads
from apps.core.errors import NotFoundError, UnavailableError
from apps.eventlog.events import seal_context
from apps.messaging.events import Content
from apps.workspaces import keys

T = TypeVar("T")
KEPT_S = 60.0
_KEPT_MAX = 20_000
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Content).decode


class _Key(NamedTuple):
    """`key` is None when it is gone: its workspace was shredded."""

    key_id: int
    key: bytes | None
    until: float


_newest: dict[int, _Key] = {}  # by workspace id
_by_id: dict[int, _Key] = {}
GONE = Content(text="")


async def seal(content: Content, *, workspace_id: int, stream: str, event_id: int) -> bytes:
    """Raises NotFoundError when the workspace has no key (any more), UnavailableError."""
    known = _newest.get(workspace_id)
    if known is None or known.until < time.monotonic():
        key_id, key = await _read(lambda: keys.data_key(workspace_id))
        known = _newest[workspace_id] = _Key(key_id, key, time.monotonic() + KEPT_S)
        _trim(_newest)
    if known.key is None:
        raise NotFoundError
    return crypto.seal(_encode(content), key_id=known.key_id, key=known.key, context=seal_context(stream, event_id))


def warmed(blobs: Iterable[bytes | None]) -> bool:
    """Whether `unseal` may be called for all of these now."""
    return not _missing(blobs)


async def warm(blobs: Iterable[bytes | None]) -> None:
    """Raises UnavailableError."""
    for key_id in _missing(blobs):
        key: bytes | None
        try:
            key = await _read(functools.partial(keys.key_by_id, key_id))
        except NotFoundError:
            key = None
        _by_id[key_id] = _Key(key_id, key, time.monotonic() + KEPT_S)
        _trim(_by_id)


def unseal(sealed: bytes | None, *, stream: str, event_id: int) -> Content:
    """The content, or GONE when its key is gone or it can't be opened. `warm` must have run for it."""
    if sealed is None:
        return GONE
    try:
        known = _by_id.get(crypto.sealed_key_id(sealed))
        if known is None or known.key is None:
            return GONE
        return _decode(crypto.unseal(sealed, key=known.key, context=seal_context(stream, event_id)))
    except (crypto.SealError, msgspec.DecodeError):
        return GONE


def forget() -> None:
    """After a key was rotated or deleted."""
    _newest.clear()
    _by_id.clear()


def _missing(blobs: Iterable[bytes | None]) -> set[int]:
    now = time.monotonic()
    missing = set()
    for blob in blobs:
        if blob is None:
            continue
        try:
            key_id = crypto.sealed_key_id(blob)
        except crypto.SealError:
            continue
        known = _by_id.get(key_id)
        if known is None or known.until < now:
            missing.add(key_id)
    return missing


async def _read(function: Callable[[], T]) -> T:
    try:
        return await threads.read(function)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error


def _trim(cache: dict[int, _Key]) -> None:
    while len(cache) > _KEPT_MAX:
        del cache[next(iter(cache))]
