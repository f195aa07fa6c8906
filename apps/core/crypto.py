"""AES-256-GCM sealing with named keys.

A sealed blob is `version (1 byte) | key id (8 bytes, big endian) | nonce (12 bytes) | ciphertext and tag`: the key
id travels with the text and keys can be rotated. The associated data binds a blob to where it belongs (its stream and
event), so that it can't be moved to another place.
"""

import base64
import os
import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_HEADER = struct.Struct(">BQ")
_VERSION = 1
_NONCE_BYTES = 12


class SealError(Exception):
    """The blob was altered, moved, or sealed with another key."""


def new_key() -> bytes:
    return AESGCM.generate_key(bit_length=KEY_BYTES * 8)


def seal(plaintext: bytes, *, key_id: int, key: bytes, context: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    header = _HEADER.pack(_VERSION, key_id)
    return header + nonce + AESGCM(key).encrypt(nonce, plaintext, header + context)


def sealed_key_id(blob: bytes) -> int:
    """The id of the key that `blob` was sealed with. Raises SealError when it is no sealed blob."""
    if len(blob) < _HEADER.size + _NONCE_BYTES + 16:
        raise SealError
    version, key_id = _HEADER.unpack_from(blob)
    if version != _VERSION:
        raise SealError
    return int(key_id)


def unseal(blob: bytes, *, key: bytes | AESGCM, context: bytes) -> bytes:
    """`key` may be given ready for use, which spares half the time of a short text."""
    sealed_key_id(blob)
    body = _HEADER.size + _NONCE_BYTES
    try:
        return (AESGCM(key) if isinstance(key, bytes) else key).decrypt(
            blob[_HEADER.size : body], blob[body:], blob[: _HEADER.size] + context
        )
    except InvalidTag as error:
        raise SealError from error


class MasterKeys:
    """The keys that wrap data keys: `current` wraps, every one unwraps. A larger id is newer."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            msg = "master keys: at least one, each of 32 bytes"
            raise ValueError(msg)
        self._keys = dict(keys)
        self.current = max(keys)

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """From `1:BASE64,2:BASE64`."""
        keys: dict[int, bytes] = {}
        for part in filter(None, (p.strip() for p in text.split(","))):
            key_id, _, value = part.partition(":")
            keys[int(key_id)] = base64.b64decode(value, validate=True)
        return cls(keys)

    def wrap(self, data_key: bytes, *, context: bytes) -> bytes:
        return seal(data_key, key_id=self.current, key=self._keys[self.current], context=context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        key = self._keys.get(sealed_key_id(wrapped))
        if key is None:
            raise SealError
        return unseal(wrapped, key=key, context=context)
