"""Sealing and opening what people write, with the data keys of their workspace.

Keys come from the database once and are then kept here for KEPT_S, so that sealing and opening need no thread. Opening
is synchronous: whoever presents something calls `warm` for it first.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
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


class _Sealing(NamedTuple):
    key_id: int
    key: bytes
    until: float


class _Opening(NamedTuple):
    """`key` is None when it is gone: its workspace was shredded."""

    key: AESGCM | None
    until: float


_newest: dict[int, _Sealing] = {}  # by workspace id
_by_id: dict[int, _Opening] = {}
# What was opened lately: the newest page of a channel is read by many. Asked only while the key is there.
_OPENED_MAX, _OPENED_MAX_BYTES = 10_000, 2_000
_opened: dict[tuple[str, int, bytes], Content] = {}
GONE = Content(text="")


async def seal(content: Content, *, workspace_id: int, stream: str, event_id: int) -> bytes:
    """Raises NotFoundError when the workspace has no key (any more), UnavailableError."""
    known = _newest.get(workspace_id)
    if known is None or known.until < time.monotonic():
        key_id, key = await _read(lambda: keys.data_key(workspace_id))
        known = _newest[workspace_id] = _Sealing(key_id, key, time.monotonic() + KEPT_S)
        _trim(_newest)
    return crypto.seal(_encode(content), key_id=known.key_id, key=known.key, context=seal_context(stream, event_id))


def warmed(blobs: Iterable[bytes | None]) -> bool:
    """Whether `unseal` may be called for all of these now."""
    return not _missing(blobs)


async def warm(blobs: Iterable[bytes | None]) -> None:
    """Raises UnavailableError."""
    for key_id in _missing(blobs):
        key: AESGCM | None
        try:
            key = AESGCM(await _read(functools.partial(keys.key_by_id, key_id)))
        except NotFoundError:
            key = None
            _opened.clear()
        _by_id[key_id] = _Opening(key, time.monotonic() + KEPT_S)
        _trim(_by_id)


def unseal(sealed: bytes | None, *, stream: str, event_id: int) -> Content:
    """The content, or GONE when its key is gone or it can't be opened. `warm` must have run for it."""
    if sealed is None:
        return GONE
    try:
        known = _by_id.get(crypto.sealed_key_id(sealed))
        if known is None or known.key is None:
            return GONE
        place = stream, event_id, sealed
        content = _opened.get(place)
        if content is None:
            content = _decode(crypto.unseal(sealed, key=known.key, context=seal_context(stream, event_id)))
            if len(sealed) <= _OPENED_MAX_BYTES:
                if len(_opened) >= _OPENED_MAX:
                    _opened.clear()  # from any thread, so at once
                _opened[place] = content
    except (crypto.SealError, msgspec.DecodeError):
        return GONE
    return content


def forget() -> None:
    """After a key was rotated or deleted."""
    _newest.clear()
    _by_id.clear()
    _opened.clear()


def _missing(blobs: Iterable[bytes | None]) -> set[int]:
    now = time.monotonic()
    key_ids = set()
    for blob in blobs:
        if blob is not None:
            with contextlib.suppress(crypto.SealError):
                key_ids.add(crypto.sealed_key_id(blob))
    return {key_id for key_id in key_ids if (known := _by_id.get(key_id)) is None or known.until < now}


async def _read(function: Callable[[], T]) -> T:
    try:
        return await threads.read(function)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error


def _trim(cache: dict[int, _Sealing] | dict[int, _Opening]) -> None:
    while len(cache) > _KEPT_MAX:
        del cache[next(iter(cache))]
