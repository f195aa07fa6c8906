"""Access as the message path asks for it: cached, and right from the moment a change returns."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.conversations import actions, queries
from apps.conversations.access import Access
from apps.conversations.models import Channel
from apps.core.errors import NotFoundError
from apps.core.threads import read
from apps.workspaces import actions as workspaces
from tests.unit.workspaces.fixtures import Team

pytestmark = pytest.mark.django_db(transaction=True)


def thread(function: Callable[..., Any]) -> Callable[..., Any]:
    return sync_to_async(function, thread_sensitive=False)


@pytest.fixture
def channel(transactional_db: None, team: Team) -> Channel:
    return actions.create_channel(
        actor=team.actor("member"), workspace_id=team.id, name="secret", kind="private",
        member_ids=[team.user_id("guest"), team.user_id("admin")],
    )  # fmt: skip


async def test_what_access_says(team: Team, channel: Channel) -> None:
    assert await queries.access(channel.pk, team.user_id("guest")) == Access(
        channel_id=channel.pk,
        workspace_id=team.id,
        kind="private",
        archived=False,
        is_member=True,
        role="guest",
        user_id=team.user_id("guest"),
        creator_id=team.user_id("member"),
        is_general=False,
    )
    for user_id in (team.user_id("owner"), 999):
        with pytest.raises(NotFoundError):
            await queries.access(channel.pk, user_id)
    with pytest.raises(NotFoundError):
        await queries.access(1, team.user_id("owner"))
    public = await thread(actions.create_channel)(actor=team.actor("member"), workspace_id=team.id, name="open")
    assert not (await queries.access(public.pk, team.user_id("owner"))).is_member
    found = await queries.access_many([channel.pk, public.pk, 1], team.user_id("guest"))
    assert list(found) == [channel.pk]
    found = await queries.access_many([channel.pk, public.pk, 1], team.user_id("admin"))
    assert {place: access.is_member for place, access in found.items()} == {channel.pk: True, public.pk: False}
    assert await queries.access_many([], team.user_id("admin")) == {}


async def test_each_change_is_seen_at_once(team: Team, channel: Channel) -> None:
    owner, guest, admin = team.actor("owner"), team.user_id("guest"), team.user_id("admin")

    async def sees(user_id: int) -> bool:
        return channel.pk in await queries.access_many([channel.pk], user_id)

    assert [await sees(guest), await sees(admin), await sees(owner.user_id)] == [True, True, False]
    await thread(actions.remove_member)(actor=team.actor("member"), channel_id=channel.pk, user_id=guest)
    assert not await sees(guest)
    await thread(actions.leave_channel)(actor=team.actor("admin"), channel_id=channel.pk)
    assert not await sees(admin)
    await thread(actions.add_members)(
        actor=team.actor("member"), channel_id=channel.pk, user_ids=[guest, admin, owner.user_id]
    )
    assert [await sees(guest), await sees(admin), await sees(owner.user_id)] == [True, True, True]
    await thread(actions.archive_channel)(actor=owner, channel_id=channel.pk)
    assert (await queries.access(channel.pk, guest)).archived
    await thread(actions.unarchive_channel)(actor=owner, channel_id=channel.pk)
    assert not (await queries.access(channel.pk, guest)).archived


async def test_a_role_and_a_deactivation_are_seen_at_once(team: Team, channel: Channel) -> None:
    owner, guest = team.actor("owner"), team.user_id("guest")
    target: dict[str, Any] = {"actor": owner, "workspace_id": team.id, "user_id": guest}
    assert (await queries.access(channel.pk, guest)).role == "guest"
    assert not await queries.follows_workspace(team.id, guest)
    await thread(workspaces.change_role)(**target, role="admin")
    assert (await queries.access(channel.pk, guest)).role == "admin"
    assert await queries.follows_workspace(team.id, guest)
    await thread(workspaces.deactivate_member)(**target)
    with pytest.raises(NotFoundError):
        await queries.access(channel.pk, guest)
    assert not await queries.follows_workspace(team.id, guest)
    await thread(workspaces.reactivate_member)(**target)
    assert (await queries.access(channel.pk, guest)).is_member


async def test_what_is_known_costs_no_query(team: Team, channel: Channel) -> None:
    user_id = team.user_id("guest")
    seen = await queries.access(channel.pk, user_id)
    reads: list[Any] = []

    async def counted(function: Callable[[], Any]) -> Any:
        reads.append(function)
        return await read(function)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apps.core.backends.facts_memory.read", counted)
        patch.setattr("apps.conversations.backends.members_memory.read", counted)
        assert await queries.access(channel.pk, user_id) == seen
        assert reads == []
        await queries.access(channel.pk, team.user_id("admin"))
        assert reads, "the counter counts"


async def test_a_rollback_changes_nothing(team: Team, channel: Channel) -> None:
    def remove_and_fail() -> None:
        with transaction.atomic():
            actions.remove_member(actor=team.actor("member"), channel_id=channel.pk, user_id=team.user_id("guest"))
            raise RuntimeError

    await queries.access(channel.pk, team.user_id("guest"))
    with pytest.raises(RuntimeError):
        await thread(remove_and_fail)()
    assert (await queries.access(channel.pk, team.user_id("guest"))).is_member


@pytest.mark.parametrize("kind", ["public", "private"])
def test_lists(team: Team, kind: str) -> None:
    owner, member, guest = team.actor("owner"), team.actor("member"), team.actor("guest")
    for name in ("alpha", "beta", "beta-2", "gamma", "delta_50%"):
        actions.create_channel(actor=owner, workspace_id=team.id, name=name.replace("%", ""), kind=kind)
    mine = queries.my_channels(actor=owner, workspace_id=team.id)
    assert [channel.name for channel in mine.results] == ["alpha", "beta", "beta-2", "gamma", "delta_50"]
    seen = ["alpha", "beta", "beta-2", "delta_50", "gamma"] if kind == "public" else []
    names, cursor = [], None
    while True:
        page, joined = queries.browse(actor=member, workspace_id=team.id, cursor=cursor, limit=2)
        names += [channel.name for channel in page.results]
        assert joined == set()
        if not (cursor := page.next_cursor):
            break
    assert names == seen
    found, _ = queries.browse(actor=member, workspace_id=team.id, search="#BETA")
    assert [channel.name for channel in found.results] == [name for name in seen if "beta" in name]
    for search in ("%", "a_p", "\0"):
        found, _ = queries.browse(actor=member, workspace_id=team.id, search=search)
        assert not found.results
    with pytest.raises(Exception, match="added to"):
        queries.browse(actor=guest, workspace_id=team.id)
    assert not queries.my_channels(actor=guest, workspace_id=team.id).results


def test_a_page_of_members_takes_the_same_few_queries_in_any_channel(team: Team, channel: Channel) -> None:
    def queries_of(limit: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            queries.channel_members(actor=team.actor("member"), channel_id=channel.pk, cursor=None, limit=limit)
        return len(captured)

    assert queries_of(1) == queries_of(200)
    first = queries.channel_members(actor=team.actor("member"), channel_id=channel.pk, cursor=None, limit=2)
    rest = queries.channel_members(actor=team.actor("member"), channel_id=channel.pk, cursor=first.next_cursor, limit=2)
    everyone = sorted(team.user_id(role) for role in ("member", "guest", "admin"))
    assert [member.user_id for member in (*first.results, *rest.results)] == everyone
    assert rest.next_cursor is None
