"""Fetch what a message's links lead to; show none."""

from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core import crypto, threads
from apps.core.clock import now
from apps.core.errors import ForbiddenError, NotFoundError
from apps.messaging import queries as messaging
from apps.messaging import targets
from apps.messaging.policies import can_delete
from apps.previews.cards import read_card
from apps.previews.fetch import RefusedError, fetch
from apps.previews.links import digest, links_of
from apps.previews.models import HiddenPreview, LinkPreview
from apps.previews.queries import KEPT, known_cards
from apps.workspaces import keys

_ROWS = 5_000


async def hide_previews(*, actor: Principal, message_id: int) -> None:
    """For everybody. Raises ForbiddenError, NotFoundError, UnavailableError."""
    require_scope(actor, "messages:write")
    location, access = await targets.visible(actor, message_id)
    if not can_delete(access, location.sender_id):
        raise ForbiddenError("Only who wrote a message, or an admin, can remove its previews.")
    await threads.read(lambda: HiddenPreview.objects.get_or_create(message_id=message_id))


async def find_links(*, message_id: int) -> tuple[int, list[str]]:
    """(workspace, links) of a message, for the worker. Nothing of one that is gone. Raises UnavailableError."""
    try:
        message = (await messaging.views([await targets.stored(await targets.locate(message_id))]))[0]
    except NotFoundError:
        return 0, []
    workspace_id = await threads.read(lambda: conversations.workspace_of(int(message.channel_id)))
    return workspace_id, links_of(message)


def fetch_previews(*, workspace_id: int, links: list[str], message_id: int) -> None:
    """Those that are not known yet; a page that shows nothing is remembered as that."""
    known = known_cards(workspace_id, links, message_id)
    if known is None or not settings.LINK_PREVIEWS:
        return
    for link in links:
        if link not in known:
            _keep(workspace_id, link)


def _keep(workspace_id: int, link: str) -> None:
    try:
        url, html = fetch(link)
        card = read_card(link, html, host=urlsplit(url).hostname or "")
    except RefusedError:
        card = None
    name = digest(workspace_id, link)
    sealed = None
    if card is not None:
        key_id, key = keys.data_key(workspace_id)
        sealed = crypto.seal(msgspec.msgpack.encode(card), key_id=key_id, key=key, context=f"preview|{name}".encode())
    LinkPreview.objects.update_or_create(
        digest=name, defaults={"workspace_id": workspace_id, "sealed": sealed, "fetched_at": now()}
    )


def purge_previews(*, at: datetime | None = None) -> int:
    """Old ones, a bounded number at a time; returns how many went."""
    old = LinkPreview.objects.filter(fetched_at__lt=(at or now()) - KEPT).values_list("digest", flat=True)[:_ROWS]
    return LinkPreview.objects.filter(digest__in=list(old)).delete()[0]
