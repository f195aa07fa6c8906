"""Reads: who a proof belongs to, and a user's sessions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare
from django.utils.http import urlsafe_base64_decode

from apps.accounts.models import AuthSession, BotToken, User
from apps.accounts.principal import Principal
from apps.accounts.tokens import BOT_PREFIX, Access, digest, read_access
from apps.core import pagination
from apps.core.clock import now, to_ms
from apps.core.errors import NotFoundError, UnauthenticatedError
from apps.core.ids import MAX_ID

MAX_IDS = 1000
_UID_MAX = 40
_STATUS_FIELDS = ("status_emoji", "status_text", "status_expires_at")


class Status(TypedDict):
    """Status of docs/protocol.md; `expires_at` in milliseconds since the epoch."""

    emoji: str
    text: str
    expires_at: int | None


def authenticate_token(token: str) -> Principal:
    """The holder of an access token or a bot token. Raises UnauthenticatedError."""
    return _principal(authenticate_tokens([token])[token])


def authenticate_cookie(session_key: str | None) -> Principal:
    """The holder of a browser's session cookie. Raises UnauthenticatedError."""
    return _principal(authenticate_cookies([session_key])[session_key] if session_key else None)


def _principal(answer: Principal | UnauthenticatedError | None) -> Principal:
    if isinstance(answer, Principal):
        return answer
    raise answer or UnauthenticatedError


def authenticate_tokens(tokens: Collection[str]) -> dict[str, Principal | UnauthenticatedError]:
    """The same for many in two queries at most. At most MAX_IDS."""
    found: dict[str, Principal | UnauthenticatedError] = {}
    accesses: dict[str, Access] = {}
    hashes: dict[str, str] = {}
    for token in list(tokens)[:MAX_IDS]:
        if token.startswith(BOT_PREFIX):
            hashes[digest(token)] = token
            found[token] = UnauthenticatedError("This bot token is not valid.")
            continue
        try:
            accesses[token] = read_access(token)
            found[token] = UnauthenticatedError("This session has ended.")
        except UnauthenticatedError as error:
            found[token] = error
    if accesses:
        live = dict(
            _live_sessions(id__in={access.session_id for access in accesses.values()}).values_list("id", "user_id")
        )
        for token, access in accesses.items():
            if live.get(access.session_id) == access.user_id:
                found[token] = Principal(
                    user_id=access.user_id, session_id=access.session_id, expires_at_ms=access.expires_at_ms
                )
    if hashes:
        bots = BotToken.objects.filter(token_hash__in=hashes, revoked_at=None, user__is_active=True)
        for token_hash, pk, user_id, scopes in bots.values_list("token_hash", "id", "user_id", "scopes"):
            found[hashes[token_hash]] = Principal(user_id=user_id, session_id=pk, is_bot=True, scopes=frozenset(scopes))
    return found


def authenticate_cookies(session_keys: Collection[str]) -> dict[str, Principal | UnauthenticatedError]:
    """The same for browsers' cookies in two queries. At most MAX_IDS."""
    found: dict[str, Principal | UnauthenticatedError] = {
        key: UnauthenticatedError() for key in list(session_keys)[:MAX_IDS]
    }
    # What is no key of ours must not fail the others in the database.
    keys = [key for key in found if key.isascii() and key.isalnum()]
    stored = dict(
        Session.objects.filter(session_key__in=keys, expire_date__gt=now()).values_list("session_key", "session_data")
    )
    for session in _live_sessions(session_key__in=keys, kind=AuthSession.Kind.BROWSER).select_related("user"):
        key = session.session_key or ""
        if key in stored and _agrees(session, SessionStore().decode(stored[key])):
            found[key] = _browser(session)
    return found


def resolve_token(token: str) -> tuple[AuthSession | BotToken, Principal]:
    """The proof with its `user` loaded, in one query. Raises UnauthenticatedError."""
    if token.startswith(BOT_PREFIX):
        bot = BotToken.objects.select_related("user").filter(token_hash=digest(token), revoked_at=None).first()
        if bot is None or not bot.user.is_active:
            raise UnauthenticatedError("This bot token is not valid.")
        return bot, Principal(user_id=bot.user_id, session_id=bot.pk, is_bot=True, scopes=frozenset(bot.scopes))
    access = read_access(token)
    session = _live(id=access.session_id, user_id=access.user_id)
    if session is None:
        raise UnauthenticatedError("This session has ended.")
    return session, Principal(user_id=access.user_id, session_id=access.session_id, expires_at_ms=access.expires_at_ms)


def resolve_cookie(session_key: str | None) -> tuple[AuthSession, Principal]:
    """The session with its `user` loaded, in two queries. Raises UnauthenticatedError."""
    session = _live(session_key=session_key, kind=AuthSession.Kind.BROWSER) if session_key else None
    if session is None:
        raise UnauthenticatedError
    if not _agrees(session, SessionStore(session_key).load()):
        raise UnauthenticatedError
    return session, _browser(session)


def _browser(session: AuthSession) -> Principal:
    return Principal(user_id=session.user_id, session_id=session.pk, expires_at_ms=to_ms(session.expires_at))


def _agrees(session: AuthSession, data: Mapping[str, Any]) -> bool:
    """Django's session may have been emptied, or have outlived a password: ours alone proves nothing."""
    return data.get(SESSION_KEY) == str(session.user_id) and constant_time_compare(
        data.get(HASH_SESSION_KEY, ""), session.user.get_session_auth_hash()
    )


def _live(**where: Any) -> AuthSession | None:
    return _live_sessions(**where).select_related("user").first()


def _live_sessions(**where: Any) -> QuerySet[AuthSession]:
    return AuthSession.objects.filter(revoked_at=None, expires_at__gt=now(), user__is_active=True, **where)


def ended(proofs: Collection[int]) -> set[int]:
    """Which of these Principal.session_ids no longer prove anything: for who holds connections open.

    The broadcast that cuts a socket may be lost; asking here now and then makes up for it. At most MAX_IDS.
    """
    ids = set(sorted(proofs)[:MAX_IDS])
    live = AuthSession.objects.filter(id__in=ids, revoked_at=None, expires_at__gt=now(), user__is_active=True)
    bots = BotToken.objects.filter(id__in=ids, revoked_at=None, user__is_active=True)
    return ids - set(live.values_list("id", flat=True)) - set(bots.values_list("id", flat=True))


def person_at(email: str) -> User | None:
    return User.objects.filter(email=email, is_bot=False, is_active=True).first()


def user(user_id: int) -> User:
    """Raises NotFoundError."""
    found = User.objects.filter(id=user_id).first()
    if found is None:
        raise NotFoundError
    return found


def users(user_ids: Collection[int]) -> dict[int, User]:
    """At most MAX_IDS; unknown ones are left out."""
    return User.objects.in_bulk(sorted(set(user_ids))[:MAX_IDS])


def timezones(user_ids: Collection[int]) -> dict[int, str]:
    """By user id, "" where it is not known; unknown ones are left out. At most MAX_IDS."""
    rows = User.objects.filter(id__in=list(user_ids)[:MAX_IDS]) if user_ids else User.objects.none()
    return dict(rows.values_list("id", "timezone"))


def statuses(user_ids: Collection[int]) -> dict[int, Status]:
    """Of those who have set one that has not expired. At most MAX_IDS."""
    rows = User.objects.filter(id__in=list(user_ids)[:MAX_IDS]).exclude(status_emoji="", status_text="")
    found = {user.pk: status_of(user) for user in rows.only(*_STATUS_FIELDS)}
    return {user_id: status for user_id, status in found.items() if status is not None}


def status_of(user: User, at: datetime | None = None) -> Status | None:
    """What is shown; an expired one is none."""
    if not user.status_emoji and not user.status_text:
        return None
    if user.status_expires_at is not None and user.status_expires_at <= (at or now()):
        return None
    expires_at = None if user.status_expires_at is None else to_ms(user.status_expires_at)
    return {"emoji": user.status_emoji, "text": user.status_text, "expires_at": expires_at}


def user_by_email(email: str) -> User | None:
    return User.objects.filter(email=email.strip().lower(), is_active=True).first()


def user_of_reset(*, uid: str, token: str) -> User | None:
    """Whose unused and unexpired reset link this is."""
    try:
        user_id = int(urlsafe_base64_decode(uid[:_UID_MAX]))
    except ValueError:
        return None
    if not 0 < user_id <= MAX_ID:
        return None
    found = User.objects.filter(id=user_id, is_bot=False, is_active=True).first()
    return found if found is not None and default_token_generator.check_token(found, token) else None


def sessions(
    user_id: int, *, cursor: str | None, limit: int, at: datetime | None = None
) -> pagination.Page[AuthSession]:
    """The live ones, newest first."""
    rows = AuthSession.objects.filter(user_id=user_id, revoked_at=None, expires_at__gt=at or now())
    if cursor:
        rows = rows.filter(id__lt=pagination.decode(cursor, int)[0])
    found = list(rows.order_by("-id")[: limit + 1])
    more = len(found) > limit
    return pagination.Page(found[:limit], pagination.encode(found[limit - 1].pk) if more else None)


def bot_tokens(user_id: int) -> Sequence[BotToken]:
    """The live ones of a bot, oldest first; actions keep their number small."""
    return list(BotToken.objects.filter(user_id=user_id, revoked_at=None).order_by("id"))


def present_user(user: User, *, private: bool = False) -> dict[str, Any]:
    """User of docs/protocol.md; `private` adds what only the user may see."""
    shown: dict[str, Any] = {
        "id": str(user.pk),
        "name": user.name,
        "is_bot": user.is_bot,
        "created_at": to_ms(user.created_at),
        "timezone": user.timezone,
        "status": status_of(user),
    }
    if not private:
        return shown
    return shown | {
        "email": user.email,
        "language": user.language,
        "language_automatic": user.language_automatic,
        "timezone_automatic": user.timezone_automatic,
        "toured": user.toured,
    }


def present_session(session: AuthSession, *, current_id: int | None) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "kind": session.kind,
        "user_agent": session.user_agent,
        "ip": session.ip,
        "created_at": to_ms(session.created_at),
        "last_seen_at": to_ms(session.last_seen_at),
        "current": session.pk == current_id,
    }


def present_bot_token(token: BotToken) -> dict[str, Any]:
    return {
        "id": str(token.pk),
        "name": token.name,
        "prefix": token.prefix,
        "scopes": sorted(token.scopes),
        "created_at": to_ms(token.created_at),
        "last_used_at": None if token.last_used_at is None else to_ms(token.last_used_at),
    }
