"""Verbs of this room."""

from apps.accounts.actions.bots import create_bot, issue_bot_token, retire_bot, revoke_bot_token, revoke_bot_tokens
from apps.accounts.actions.passwords import change_password, request_password_reset, reset_password
from apps.accounts.actions.people import (
    change_locale,
    change_name,
    change_status,
    clear_status,
    mark_toured,
    sign_in,
    sign_up,
)
from apps.accounts.actions.sessions import (
    TokenPair,
    note_seen,
    open_api_session,
    open_browser_session,
    refresh_tokens,
    revoke_all_sessions,
    revoke_session,
    sign_out,
)

__all__ = [
    "TokenPair",
    "change_locale",
    "change_name",
    "change_password",
    "change_status",
    "clear_status",
    "create_bot",
    "issue_bot_token",
    "mark_toured",
    "note_seen",
    "open_api_session",
    "open_browser_session",
    "refresh_tokens",
    "request_password_reset",
    "reset_password",
    "retire_bot",
    "revoke_all_sessions",
    "revoke_bot_token",
    "revoke_bot_tokens",
    "revoke_session",
    "sign_in",
    "sign_out",
    "sign_up",
]
