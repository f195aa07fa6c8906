"""The server's key pair for Web Push (VAPID, RFC 8292), from settings.VAPID_PRIVATE_KEY."""

import base64
import functools

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


@functools.lru_cache(maxsize=4)
def _private(encoded: str) -> ec.EllipticCurvePrivateKey:
    raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def private_key() -> ec.EllipticCurvePrivateKey | None:
    return _private(settings.VAPID_PRIVATE_KEY) if settings.VAPID_PRIVATE_KEY else None


def public_key() -> str | None:
    """As `applicationServerKey` takes it: the uncompressed point, base64url. None: no Web Push here."""
    key = private_key()
    if key is None:
        return None
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()
