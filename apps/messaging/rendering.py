"""From a text to the content that is sealed: rendered once, mentions looked up once."""

import asyncio
import time

from django.db import DatabaseError

from apps.core import threads
from apps.core.errors import UnavailableError
from apps.messaging import markdown
from apps.messaging.events import Content
from apps.workspaces import queries as workspaces

INLINE_MAX_CHARS = 500  # longer texts are parsed in a thread: up to 50 ms for the worst one
_HANDLE_S = 30.0
_HANDLES_MAX = 50_000
_handles: dict[tuple[int, str], tuple[int, float]] = {}


async def content_of(text: str, *, workspace_id: int) -> Content:
    """Raises UnavailableError when a mention can't be looked up now."""
    if len(text) <= INLINE_MAX_CHARS:
        draft = markdown.draft(text)
    else:
        draft = await asyncio.to_thread(markdown.draft, text)
    if draft is None:
        return Content(text=text)
    users = await _users(workspace_id, list(draft.names)) if draft.names else {}
    if len(text) <= INLINE_MAX_CHARS:
        html, mentions = draft.render(users)
    else:
        html, mentions = await asyncio.to_thread(draft.render, users)
    return Content(text=text, html=html, mentions=mentions)


def forget() -> None:
    """After handles changed hands."""
    _handles.clear()


async def _users(workspace_id: int, names: list[str]) -> dict[str, int]:
    now = time.monotonic()
    found: dict[str, int] = {}
    for name in names:
        known = _handles.get((workspace_id, name))
        if known is None or known[1] < now:
            break
        found[name] = known[0]
    else:
        return found
    try:
        users = await threads.read(lambda: workspaces.handles(workspace_id, names))
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
    for name, user_id in users.items():
        _handles[workspace_id, name] = (user_id, now + _HANDLE_S)
    while len(_handles) > _HANDLES_MAX:
        del _handles[next(iter(_handles))]
    return users
