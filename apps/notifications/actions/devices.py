"""The register of devices: one row per token, whoever held it before."""

import base64
import binascii
import hashlib

from celery import current_app
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction
from kombu.exceptions import OperationalError

from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core import registry, threads
from apps.core.clock import now
from apps.core.errors import InvalidError, NotFoundError, RateLimitedError, UnavailableError
from apps.notifications import endpoints
from apps.notifications.models import Device
from apps.notifications.sizes import DEVICES_MAX

TEST_TASK = "notifications.send_test"
_AUTH_BYTES = 16


def register_device(
    *,
    actor: Principal,
    kind: str,
    token: str,
    p256dh: str = "",
    auth: str = "",
    name: str = "",
    replaces: str | None = None,
) -> tuple[Device, bool]:
    """The device, and whether it is new. A token that is known moves to the actor; `replaces` is the token it had.

    Above DEVICES_MAX the one that was seen longest ago goes. Raises InvalidError, ForbiddenError.
    """
    require_person(actor)
    if kind == Device.Kind.WEBPUSH:
        endpoints.require(token)
        _require_keys(p256dh, auth)
    elif kind == Device.Kind.APNS and not _is_hex(token):
        raise InvalidError(errors={"token": ["An APNs token is hexadecimal."]})
    with transaction.atomic():
        if replaces is not None and replaces != token:
            Device.objects.filter(token_hash=hash_of(kind, replaces), user_id=actor.user_id).delete()
        row, created = Device.objects.update_or_create(
            token_hash=hash_of(kind, token),
            defaults={
                "user_id": actor.user_id,
                "session_id": actor.session_id,
                "kind": kind,
                "token": token,
                "p256dh": p256dh,
                "auth": auth,
                "name": name,
                "last_seen_at": now(),
            },
        )
        kept = Device.objects.filter(user_id=actor.user_id).order_by("-last_seen_at", "-id")[:DEVICES_MAX]
        Device.objects.filter(user_id=actor.user_id).exclude(id__in=[each.pk for each in kept]).delete()
    return row, created


def remove_device(*, actor: Principal, device_id: int) -> None:
    """Raises NotFoundError, ForbiddenError."""
    require_person(actor)
    deleted, _ = Device.objects.filter(id=device_id, user_id=actor.user_id).delete()
    if not deleted:
        raise NotFoundError


def request_test(*, actor: Principal) -> None:
    """A push to all of the actor's devices soon. Raises ForbiddenError, RateLimitedError, UnavailableError."""
    require_person(actor)
    wait_s = threads.wait(_take_turn, actor.user_id)
    if wait_s:
        raise RateLimitedError("One test at a time.", retry_after=wait_s)
    try:
        current_app.send_task(TEST_TASK, args=[str(actor.user_id)], retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        raise UnavailableError(retry_after=5) from error


async def _take_turn(user_id: int) -> float:
    return await registry.rate_limiter().take(f"push-test:{user_id}", rate_per_s=0.2, burst=3)


def hash_of(kind: str, token: str) -> str:
    return hashlib.sha256(f"{kind}:{token}".encode()).hexdigest()


def _require_keys(p256dh: str, auth: str) -> None:
    """A point on P-256 and a secret of 16 bytes: else no push could be encrypted for it."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(p256dh))
        good = len(_decoded(auth)) == _AUTH_BYTES
    except (ValueError, binascii.Error):
        good = False
    if not good:
        raise InvalidError(errors={"keys": ["p256dh and auth of the subscription, base64url."]})


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _is_hex(token: str) -> bool:
    try:
        return bool(bytes.fromhex(token))
    except ValueError:
        return False
