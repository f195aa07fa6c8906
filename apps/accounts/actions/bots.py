"""Bots: users without a password, proved by tokens. Who may make one is decided in the room above."""

from collections.abc import Sequence

from django.db import transaction

from apps.accounts import tokens
from apps.accounts.actions.people import clean_name
from apps.accounts.actions.sessions import cut_sockets
from apps.accounts.models import BotToken, User
from apps.accounts.policies import unknown_scopes
from apps.core.clock import now
from apps.core.errors import ConflictError, InvalidError, NotFoundError

MAX_TOKENS = 20
_PREFIX_CHARS = 12


def create_bot(*, name: str) -> User:
    """Raises InvalidError."""
    bot = User(name=clean_name(name), is_bot=True)
    bot.set_unusable_password()
    bot.save(force_insert=True)
    return bot


def issue_bot_token(*, user_id: int, name: str, scopes: Sequence[str]) -> tuple[BotToken, str]:
    """The token and its secret, which can't be read again. Raises InvalidError, NotFoundError, ConflictError."""
    label = clean_name(name)
    unknown = unknown_scopes(scopes)
    if unknown or not scopes:
        raise InvalidError(
            errors={"scopes": [f"No such scope: {scope[:40]}" for scope in unknown[:5]] or ["Choose one."]}
        )
    secret = tokens.new_bot()
    with transaction.atomic():
        bot = User.objects.select_for_update().filter(id=user_id, is_bot=True, is_active=True).first()
        if bot is None:
            raise NotFoundError
        if BotToken.objects.filter(user=bot, revoked_at=None).count() >= MAX_TOKENS:
            raise ConflictError(f"A bot has at most {MAX_TOKENS} tokens. Revoke one first.")
        token = BotToken.objects.create(
            user=bot,
            name=label,
            scopes=sorted(set(scopes)),
            prefix=secret[:_PREFIX_CHARS],
            token_hash=tokens.digest(secret),
        )
    return token, secret


def revoke_bot_token(*, user_id: int, token_id: int) -> BotToken:
    """Raises NotFoundError when it is not a live token of this bot."""
    with transaction.atomic():
        token = BotToken.objects.filter(id=token_id, user_id=user_id, revoked_at=None).first()
        if token is None:
            raise NotFoundError
        BotToken.objects.filter(id=token.pk).update(revoked_at=now())
        cut_sockets(user_id=user_id, proofs=[token.pk])
    return token


def revoke_bot_tokens(*, user_id: int) -> None:
    with transaction.atomic():
        live = BotToken.objects.filter(user_id=user_id, revoked_at=None)
        ids = list(live.values_list("id", flat=True))
        live.update(revoked_at=now())
        cut_sockets(user_id=user_id, proofs=ids)


def retire_bot(*, user_id: int) -> None:
    """The bot's messages keep their sender; it never acts again."""
    with transaction.atomic():
        User.objects.filter(id=user_id, is_bot=True).update(is_active=False)
        revoke_bot_tokens(user_id=user_id)
