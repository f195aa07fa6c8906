"""Canvas contents under the workspace's data key, bound to their place. Both look keys up in the database."""

from apps.core import crypto
from apps.workspaces import keys


def seal(plaintext: bytes, *, workspace_id: int, canvas_id: int, n: int) -> bytes:
    key_id, key = keys.data_key(workspace_id)
    return crypto.seal(plaintext, key_id=key_id, key=key, context=_context(canvas_id, n))


def unseal(sealed: bytes | memoryview, canvas_id: int, n: int) -> bytes:
    """Raises SealError, and NotFoundError once the key is shredded."""
    blob = bytes(sealed)
    return crypto.unseal(blob, key=keys.key_by_id(crypto.sealed_key_id(blob)), context=_context(canvas_id, n))


def _context(canvas_id: int, n: int) -> bytes:
    return f"canvas|{canvas_id}|{n}".encode()
