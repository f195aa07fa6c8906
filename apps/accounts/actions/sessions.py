"""Sessions begin, go on by refresh tokens, and end; their sockets end with them."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import models, transaction

from apps.accounts import limits, tokens
from apps.accounts.client import Client
from apps.accounts.models import AuthSession, BotToken, RefreshToken, User
from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core.clock import now
from apps.core.errors import NotFoundError, UnauthenticatedError
from apps.eventlog import registry, streams
from apps.eventlog.events import Batch, Ephemeral

MAX_API_SESSIONS = 100
SEEN_EVERY = timedelta(minutes=5)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenPair:
    """`expires_in`: seconds until the access token runs out."""

    access: str
    refresh: str
    expires_in: int
    session_id: int


def open_api_session(*, user: User, client: Client) -> TokenPair:
    at = now()
    with transaction.atomic():
        session = AuthSession.objects.create(
            user=user,
            kind=AuthSession.Kind.API,
            ip=client.ip,
            user_agent=client.user_agent,
            expires_at=at + tokens.REFRESH_LIFETIME,
        )
        pair = _new_pair(session, at)
        # A program that signs in at each start would pile them up: the oldest make way.
        live = AuthSession.objects.filter(user=user, kind=AuthSession.Kind.API, revoked_at=None)
        surplus = list(live.order_by("-id").values_list("id", flat=True)[MAX_API_SESSIONS : MAX_API_SESSIONS + 20])
        if surplus:
            _end(AuthSession.objects.filter(id__in=surplus), user_id=user.pk)
    return pair


def open_browser_session(*, user: User, session_key: str, client: Client) -> AuthSession:
    """`session_key` is that of the Django session after the rotation that a sign-in brings."""
    return AuthSession.objects.create(
        user=user,
        kind=AuthSession.Kind.BROWSER,
        session_key=session_key,
        ip=client.ip,
        user_agent=client.user_agent,
        expires_at=now() + timedelta(seconds=settings.SESSION_COOKIE_AGE),
    )


def _new_pair(session: AuthSession, at: datetime) -> TokenPair:
    refresh = tokens.new_refresh()
    RefreshToken.objects.create(
        family=session, token_hash=tokens.digest(refresh), expires_at=at + tokens.REFRESH_LIFETIME
    )
    access = tokens.sign_access(user_id=session.user_id, session_id=session.pk, at=at)
    return TokenPair(access, refresh, int(tokens.ACCESS_LIFETIME.total_seconds()), session.pk)


def refresh_tokens(*, refresh: str, client: Client) -> TokenPair:
    """A new pair for a refresh token that was never used. One that was used ends the whole session.

    There is no grace for a repeat, not even for one that arrives at the same moment: the server can't tell a client
    that lost our answer from a thief who was faster, and the two would go on side by side for as long as they refresh.
    An honest client that lost the answer signs in again; it keeps its outbox meanwhile. Raises UnauthenticatedError,
    RateLimitedError.
    """
    limits.spend(limits.REFRESH_ADDRESS, client.network)
    token = RefreshToken.objects.filter(token_hash=tokens.digest(refresh)).first()
    if token is None:
        raise UnauthenticatedError("Not a valid refresh token.")
    limits.spend(limits.REFRESH_SESSION, token.family_id)
    at = now()
    with transaction.atomic():
        # The lock on the session orders two uses of one chain; what this one finds is then final.
        session = AuthSession.objects.select_for_update(of=("self",)).select_related("user").get(id=token.family_id)
        if session.revoked_at is not None or not session.user.is_active or token.expires_at <= at:
            pair = None
        elif RefreshToken.objects.filter(id=token.pk, used_at=None).update(used_at=at):
            session.last_seen_at, session.expires_at = at, at + tokens.REFRESH_LIFETIME
            session.ip, session.user_agent = client.ip or session.ip, client.user_agent or session.user_agent
            session.save(update_fields=["last_seen_at", "expires_at", "ip", "user_agent"])
            pair = _new_pair(session, at)
        else:
            _log.warning("refresh token %s was used twice: session %s ends", token.pk, session.pk)
            _end(AuthSession.objects.filter(id=session.pk), user_id=session.user_id)
            pair = None
    if pair is None:
        raise UnauthenticatedError("This session has ended.")
    return pair


def note_seen(*, proof: AuthSession | BotToken) -> None:
    """At most one write per proof and SEEN_EVERY."""
    at = now()
    if isinstance(proof, BotToken):
        if proof.last_used_at is None or at - proof.last_used_at > SEEN_EVERY:
            BotToken.objects.filter(id=proof.pk).update(last_used_at=at)
    elif at - proof.last_seen_at > SEEN_EVERY:
        AuthSession.objects.filter(id=proof.pk).update(last_seen_at=at)


def sign_out(*, actor: Principal) -> None:
    """Ends the session of the proof itself."""
    require_person(actor)
    with transaction.atomic():
        _end(AuthSession.objects.filter(id=actor.session_id or 0), user_id=actor.user_id)


def revoke_session(*, actor: Principal, session_id: int) -> None:
    """Raises NotFoundError when it is not a live session of the actor."""
    require_person(actor)
    with transaction.atomic():
        if not _end(AuthSession.objects.filter(id=session_id, user_id=actor.user_id), user_id=actor.user_id):
            raise NotFoundError


def revoke_all_sessions(*, user_id: int, keep: int | None = None) -> None:
    with transaction.atomic():
        rows = AuthSession.objects.filter(user_id=user_id)
        _end(rows if keep is None else rows.exclude(id=keep), user_id=user_id)


def _end(rows: "models.QuerySet[AuthSession]", *, user_id: int) -> Collection[int]:
    """Inside a transaction. Returns the ids of those that were live."""
    ending = list(rows.filter(revoked_at=None).select_for_update().values_list("id", "session_key"))
    ids = [session_id for session_id, _ in ending]
    AuthSession.objects.filter(id__in=ids).update(revoked_at=now(), session_key=None)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for _, key in ending:
        if key is not None:
            store().delete(key)
    cut_sockets(user_id=user_id, proofs=ids)
    return ids


def cut_sockets(*, user_id: int, proofs: Collection[int]) -> None:
    """After the commit, tell every gateway; who misses it finds out through queries.ended."""
    if not proofs:
        return
    batch = Batch(
        stream=streams.user(user_id),
        ephemeral=[Ephemeral(type="session.revoked", key=str(proof), body=b"") for proof in proofs],
    )
    publish: Callable[[Batch], None] = async_to_sync(registry.broadcast().publish)
    transaction.on_commit(lambda: publish(batch), robust=True)
