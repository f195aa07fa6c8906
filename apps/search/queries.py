"""Searching: what is asked, of what the searcher may see now, answered by the index and read from the store.

The index only says where to look: every hit is read from the store, so what was edited or deleted meanwhile shows as
it is, whatever the index still has.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from django.db import DatabaseError

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core import clock, pagination, threads
from apps.core import registry as core
from apps.core.errors import InvalidError, NotFoundError, RateLimitedError, UnavailableError
from apps.messaging import queries as messaging
from apps.messaging.ports import StoreUnavailableError
from apps.messaging.present import MessageView
from apps.messaging.registry import store
from apps.search import questions, snippets
from apps.search.ports import CANDIDATES, IndexUnavailableError, Question, Sort
from apps.search.registry import index
from apps.workspaces import queries as workspaces

LIMIT_MAX = 50
LIMIT_DEFAULT = 20
RATE_PER_S = 5
BURST = 20
_ROUNDS = 4  # how often a page is filled up when hits turn out to be gone
SORTS: tuple[Sort, ...] = ("newest", "best")


class HitView(msgspec.Struct, frozen=True):
    message: MessageView
    snippet: list[snippets.Part]


@dataclass(frozen=True)
class Found:
    """`notes` say what was asked for and does not exist; `indexed_until` (ms) up to when the index is complete."""

    results: Sequence[HitView]
    next_cursor: str | None
    notes: Sequence[str]
    indexed_until: int | None


async def search(
    *,
    actor: Principal,
    workspace_id: int,
    query: str,
    sort: Sort = "newest",
    zone: ZoneInfo,
    cursor: str | None = None,
    limit: int = LIMIT_DEFAULT,
    now: datetime | None = None,
) -> Found:
    """Raises ForbiddenError, NotFoundError, InvalidError, RateLimitedError, UnavailableError."""
    require_scope(actor, "messages:read")
    asked = questions.parse(query, zone=zone, now=now or clock.now())
    below, skip = _begin(cursor, sort)
    wait_s = await core.rate_limiter().take(f"search:{actor.user_id}", rate_per_s=RATE_PER_S, burst=BURST)
    if wait_s > 0:
        raise RateLimitedError(retry_after=wait_s)
    try:
        question, notes = await threads.read(lambda: _question(actor, workspace_id, asked))
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
    if asked.empty:
        raise InvalidError(errors={"q": ["Say what to look for."]})
    try:
        indexed_until = await asyncio.to_thread(index().known_until)
        results, next_cursor = await _page(question, sort, below, skip, limit) if question else ([], None)
    except IndexUnavailableError as error:
        raise UnavailableError("The search does not answer now; try again in a moment.", retry_after=2) from error
    return Found(results, next_cursor, notes, indexed_until)


def _begin(cursor: str | None, sort: Sort) -> tuple[int | None, int]:
    """Where the page begins: below which id, and after how many of the best. Raises InvalidError."""
    if not cursor:
        return None, 0
    kind, below, skip = pagination.decode(cursor, str, int, int)
    if kind != sort or not (0 < below < 1 << 63 and 0 <= skip <= CANDIDATES):
        raise InvalidError(errors={"cursor": ["not a cursor from an earlier page of this search"]})
    return below, skip


async def _page(
    question: Question, sort: Sort, below: int | None, skip: int, limit: int
) -> tuple[list[HitView], str | None]:
    found: list[HitView] = []
    if sort == "best" and below is None:
        newest = await asyncio.to_thread(index().find, question, sort="newest", limit=1)
        if not newest:
            return [], None
        below = newest[0] + 1  # what comes later would shift the pages
    for _ in range(_ROUNDS):
        wanted = limit - len(found)
        ids = await asyncio.to_thread(index().find, question, sort=sort, below=below, skip=skip, limit=wanted + 1)
        taken = ids[:wanted]
        found += await _read(taken, question)
        if taken and sort == "newest":
            below = taken[-1]
        else:
            skip += len(taken)
        if len(ids) <= wanted:
            return found, None
        if len(found) == limit:
            break
    return found, pagination.encode(sort, below or 0, skip)


async def _read(ids: Sequence[int], question: Question) -> list[HitView]:
    """In the order of `ids`, without those that are no more (a repeated post, a deleted one, a moment too early)."""
    try:
        locations = await asyncio.gather(*(store().locate(message_id) for message_id in ids))
        rows = await asyncio.gather(*(store().message(location) for location in locations if location is not None))
    except StoreUnavailableError as error:
        raise UnavailableError("The message store does not answer; try again in a moment.", retry_after=1) from error
    channels = set(question.channels)
    standing = [row for row in rows if row is not None and row.deleted_at is None and row.channel_id in channels]
    return [HitView(view, snippets.snippet(view.text, question.words)) for view in await messaging.views(standing)]


# -- who and where ---------------------------------------------------------------------------------------------------


def _question(actor: Principal, workspace_id: int, asked: questions.Asked) -> tuple[Question | None, list[str]]:
    """None when nothing can match. Raises NotFoundError for who is no member."""
    role = workspaces.role_of(workspace_id, actor.user_id)
    if role is None:
        raise NotFoundError
    notes: list[str] = []
    people = _people(actor, workspace_id, [*asked.from_, *asked.not_from, *_handles(asked)])
    senders, missing = _known(asked.from_, people)
    notes += [f"There is nobody called @{name}." for name in missing]
    seen = conversations.searchable(workspace_id=workspace_id, user_id=actor.user_id, role=role)
    channels = list(seen.ids)
    if asked.in_:
        places = [_place(name, seen, people, actor.user_id) for name in asked.in_]
        notes += [
            f"There is no channel called {name}."
            for name, place in zip(asked.in_, places, strict=True)
            if place is None
        ]
        channels = [channel_id for place in places if place is not None for channel_id in place]
    left_out = {channel_id for name in asked.not_in for channel_id in _place(name, seen, people, actor.user_id) or ()}
    channels = [channel_id for channel_id in channels if channel_id not in left_out]
    if not channels or (asked.from_ and not senders):
        return None, notes
    return (
        Question(
            workspace_id=workspace_id,
            channels=channels,
            words=asked.words,
            without=asked.without,
            senders=senders,
            not_senders=_known(asked.not_from, people)[0],
            since=asked.since,
            until=asked.until,
            has_link="link" in asked.has,
            has_file="file" in asked.has,
            has_reaction="reaction" in asked.has,
            in_thread=asked.in_thread,
        ),
        notes,
    )


def _handles(asked: questions.Asked) -> list[str]:
    return [name.removeprefix("@") for name in (*asked.in_, *asked.not_in) if not name.startswith("#")]


def _people(actor: Principal, workspace_id: int, names: Collection[str]) -> dict[str, int]:
    return {**workspaces.handles(workspace_id, names, active_only=False), "me": actor.user_id}


def _known(names: Sequence[str], people: dict[str, int]) -> tuple[list[int], list[str]]:
    return [people[name] for name in names if name in people], [name for name in names if name not in people]


def _place(name: str, seen: conversations.Searchable, people: dict[str, int], user_id: int) -> Collection[int] | None:
    """in:#general, in:general: the channel; in:@ann, in:ann: the direct messages with her."""
    if not name.startswith("@"):
        channel_id = seen.by_name.get(name.removeprefix("#"))
        if channel_id is not None:
            return [channel_id]
    if not name.startswith("#"):
        other = people.get(name.removeprefix("@"))
        if other is not None:
            channel_id = seen.by_people.get(frozenset({user_id, other}))
            return [] if channel_id is None else [channel_id]
    return None
