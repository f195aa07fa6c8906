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
# (workspace, handle) -> user id or None, group id or None, until when
_handles: dict[tuple[int, str], tuple[int | None, int | None, float]] = {}


async def content_of(text: str, *, workspace_id: int) -> Content:
    """Raises UnavailableError when a mention can't be looked up now."""
    if len(text) <= INLINE_MAX_CHARS:
        draft = markdown.draft(text)
    else:
        draft = await asyncio.to_thread(markdown.draft, text)
    if draft is None:
        return Content(text=text)
    users, groups = await _named(workspace_id, list(draft.names)) if draft.names else ({}, {})
    if len(text) <= INLINE_MAX_CHARS:
        html, mentions = draft.render(users, groups)
    else:
        html, mentions = await asyncio.to_thread(draft.render, users, groups)
    return Content(text=text, html=html, mentions=mentions)


def forget() -> None:
    """After handles changed hands."""
    _handles.clear()


async def _named(workspace_id: int, names: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Users and groups by handle."""
    now = time.monotonic()
    known = {name: _handles.get((workspace_id, name)) for name in names}
    if not all(one is not None and one[2] >= now for one in known.values()):
        try:
            users, groups = await threads.read(lambda: workspaces.named(workspace_id, names))
        except DatabaseError as error:
            raise UnavailableError(retry_after=1) from error
        for name in {*users, *groups}:
            _handles[workspace_id, name] = (users.get(name), groups.get(name), now + _HANDLE_S)
        while len(_handles) > _HANDLES_MAX:
            del _handles[next(iter(_handles))]
        return users, groups
    found = {name: one for name, one in known.items() if one is not None}
    return (
        {name: user_id for name, (user_id, _, _) in found.items() if user_id is not None},
        {name: group_id for name, (_, group_id, _) in found.items() if group_id is not None},
    )
