"""Reads: a message's cards. What nobody has fetched yet is handed to a worker."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from celery import current_app
from django.conf import settings
from django.db import DatabaseError
from kombu.exceptions import OperationalError

from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core import crypto, threads
from apps.core import registry as core
from apps.core.clock import now
from apps.core.errors import NotFoundError, UnavailableError
from apps.messaging import queries as messaging
from apps.previews.cards import Card
from apps.previews.links import digest, links_of
from apps.previews.models import HiddenPreview, LinkPreview
from apps.workspaces import keys

KEPT = timedelta(days=1)
KEPT_NOTHING = timedelta(hours=1)
FETCHES_PER_S = 2
BURST = 30
_decode = msgspec.msgpack.Decoder(Card).decode


@dataclass(frozen=True)
class Previews:
    cards: list[Card]
    pending: bool


async def previews(*, actor: Principal, message_id: int) -> Previews:
    """Raises ForbiddenError, NotFoundError, UnavailableError."""
    message = await messaging.message(actor=actor, message_id=message_id)
    links = links_of(message)
    if not links or not settings.LINK_PREVIEWS:
        return Previews([], pending=False)
    access = await conversations.access(int(message.channel_id), actor.user_id)
    try:
        known = await threads.read(lambda: known_cards(access.workspace_id, links, message_id))
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
    if known is None:
        return Previews([], pending=False)
    pending = len(known) < len(links) and await _hand_over(actor, message_id)
    return Previews([card for link in links if (card := known.get(link)) is not None], pending=pending)


async def _hand_over(actor: Principal, message_id: int) -> bool:
    """Whether a worker fetches now. Each person has only so many fetches, whoever wrote the links."""
    wait_s = await core.rate_limiter().take(f"preview:{actor.user_id}", rate_per_s=FETCHES_PER_S, burst=BURST)
    if wait_s > 0:
        return True
    try:
        await asyncio.to_thread(
            current_app.send_task, "previews.fetch", args=[str(message_id)], retry=False, ignore_result=True, expires=60
        )
    except (OperationalError, OSError):
        return False
    return True


def known_cards(workspace_id: int, links: Collection[str], message_id: int) -> dict[str, Card | None] | None:
    """By link, those fetched lately (None: nothing to show); None when the message shows no cards."""
    if HiddenPreview.objects.filter(message_id=message_id).exists():
        return None
    by_digest = {digest(workspace_id, link): link for link in links}
    found: dict[str, Card | None] = {}
    for row in LinkPreview.objects.filter(digest__in=by_digest, workspace_id=workspace_id):
        if row.fetched_at > now() - (KEPT if row.sealed is not None else KEPT_NOTHING):
            found[by_digest[row.digest]] = _open(row)
    return found


def _open(row: LinkPreview) -> Card | None:
    if row.sealed is None:
        return None
    sealed = bytes(row.sealed)
    try:
        key = keys.key_by_id(crypto.sealed_key_id(sealed))
        return _decode(crypto.unseal(sealed, key=key, context=f"preview|{row.digest}".encode()))
    except (crypto.SealError, NotFoundError, msgspec.DecodeError):
        return None
