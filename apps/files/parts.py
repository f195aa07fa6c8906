"""The bytes of a file in the storage: sealed one part at a time under its workspace's data key.

A part is bound to its file, variant and place, so parts can't be exchanged, and a file that lacks one does not open. A
part that was written twice has the same content; the later one stands.
"""

import contextlib
from collections.abc import Iterator

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from apps.core import crypto
from apps.core.errors import NotFoundError, UnavailableError
from apps.workspaces import keys

PART_BYTES = 1024 * 1024
ORIGINAL, CLEAN, PREVIEW, THUMB = "original", "clean", "preview", "thumb"
_WHOLE = (ORIGINAL, CLEAN)
VARIANTS = (*_WHOLE, PREVIEW, THUMB)


class PartsMissingError(Exception):
    """The storage does not have what the database knows of, or it can't be opened."""


def write(*, workspace_id: int, file_id: int, key_id: int, variant: str, first: int, data: bytes) -> None:
    """From part `first` on. Raises NotFoundError once the workspace was shredded, UnavailableError."""
    key = keys.key_by_id(key_id)
    storage = storages["files"]
    try:
        for number, begin in enumerate(range(0, len(data), PART_BYTES), first):
            path = _path(workspace_id, file_id, variant, number)
            sealed = crypto.seal(
                data[begin : begin + PART_BYTES], key_id=key_id, key=key, context=_context(file_id, variant, number)
            )
            if storage.exists(path):
                storage.delete(path)
            storage.save(path, ContentFile(sealed))
    except Exception as error:
        raise UnavailableError("Files can't be stored now; try again in a moment.", retry_after=2) from error


def read(
    *, workspace_id: int, file_id: int, key_id: int, variant: str, size: int, begin: int = 0, end: int | None = None
) -> Iterator[bytes]:
    """The bytes from `begin` to before `end`. Raises PartsMissingError, at the first part before anything is sent."""
    try:
        key = keys.key_by_id(key_id)
    except NotFoundError as error:
        raise PartsMissingError from error
    stop = size if end is None else min(end, size)
    numbers = range(begin // PART_BYTES, -(-stop // PART_BYTES))
    for number in numbers:
        plain = _part(workspace_id, file_id, key_id, key, variant, number)
        if len(plain) != min(PART_BYTES, size - number * PART_BYTES):
            raise PartsMissingError
        offset = number * PART_BYTES
        yield plain[max(0, begin - offset) : stop - offset]


def remove(*, workspace_id: int, file_id: int, size: int) -> None:
    """All variants. What is not there is no fault."""
    _delete(workspace_id, file_id, size, VARIANTS)


def remove_original(*, workspace_id: int, file_id: int, size: int) -> None:
    """Once there is a clean one. What is not there is no fault."""
    _delete(workspace_id, file_id, size, (ORIGINAL,))


def _delete(workspace_id: int, file_id: int, size: int, variants: tuple[str, ...]) -> None:
    storage = storages["files"]
    for variant in variants:
        count = max(1, -(-size // PART_BYTES)) if variant in _WHOLE else 1
        for number in range(count):
            with contextlib.suppress(FileNotFoundError):
                storage.delete(_path(workspace_id, file_id, variant, number))


def _part(workspace_id: int, file_id: int, key_id: int, key: bytes, variant: str, number: int) -> bytes:
    try:
        with storages["files"].open(_path(workspace_id, file_id, variant, number)) as stored:
            sealed = stored.read()
        return crypto.unseal(sealed, key=key, context=_context(file_id, variant, number))
    except (OSError, crypto.SealError) as error:
        raise PartsMissingError(f"part {number} of file {file_id}, key {key_id}") from error


def _path(workspace_id: int, file_id: int, variant: str, number: int) -> str:
    return f"{workspace_id}/{file_id % 256:02x}/{file_id}/{variant}-{number}"


def _context(file_id: int, variant: str, number: int) -> bytes:
    return f"file|{file_id}|{variant}|{number}".encode()
