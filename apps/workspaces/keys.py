"""The data keys that message contents are sealed with. Cached per process, unwrapped; safe from any thread."""

import functools
import threading
from collections import OrderedDict

from django.conf import settings

from apps.core.crypto import MasterKeys, new_key
from apps.core.errors import NotFoundError
from apps.workspaces.models import DataKey

CACHED = 10_000
_lock = threading.Lock()
_newest: OrderedDict[int, int] = OrderedDict()  # workspace id -> key id
_by_id: OrderedDict[int, bytes] = OrderedDict()


@functools.lru_cache(maxsize=2)
def _masters(text: str) -> MasterKeys:
    return MasterKeys.parse(text)


def _context(workspace_id: int, key_id: int) -> bytes:
    """Binds a wrapped key to its row, so that rows can't be exchanged in the database."""
    return f"data-key|{workspace_id}|{key_id}".encode()


def make_data_key(workspace_id: int) -> DataKey:
    """Written by the action that makes the workspace, in its transaction."""
    row = DataKey(workspace_id=workspace_id)
    row.wrapped = _masters(settings.MASTER_KEYS).wrap(new_key(), context=_context(workspace_id, row.pk))
    row.save(force_insert=True)
    return row


def data_key(workspace_id: int) -> tuple[int, bytes]:
    """(key id, key) to seal new contents of this workspace with. Raises NotFoundError."""
    with _lock:
        key_id = _newest.get(workspace_id)
        key = None if key_id is None else _by_id.get(key_id)
        if key_id is not None and key is not None:
            _newest.move_to_end(workspace_id)
            _by_id.move_to_end(key_id)
            return key_id, key
    row = DataKey.objects.filter(workspace_id=workspace_id).order_by("-id").first()
    if row is None:
        raise NotFoundError("This workspace has no data key.")
    return row.pk, _remember(row, newest=True)


def key_by_id(key_id: int) -> bytes:
    """The key that opens what was sealed with it. Raises NotFoundError once it is shredded."""
    with _lock:
        key = _by_id.get(key_id)
        if key is not None:
            _by_id.move_to_end(key_id)
            return key
    row = DataKey.objects.filter(id=key_id).first()
    if row is None:
        raise NotFoundError("This data key is gone.")
    return _remember(row, newest=False)


def forget() -> None:
    """Empty the cache, for instance after a key was deleted."""
    with _lock:
        _newest.clear()
        _by_id.clear()


def _remember(row: DataKey, *, newest: bool) -> bytes:
    key = _masters(settings.MASTER_KEYS).unwrap(bytes(row.wrapped), context=_context(row.workspace_id, row.pk))
    with _lock:
        _by_id[row.pk] = key
        if newest:
            _newest[row.workspace_id] = row.pk
        for cache in (_by_id, _newest):
            while len(cache) > CACHED:
                cache.popitem(last=False)
    return key
