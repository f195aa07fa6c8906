"""What each verb changes, who is refused, and what is told in which stream."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction

from apps.accounts.principal import Principal
from apps.conversations import actions
from apps.conversations.models import Channel, Membership
from apps.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from apps.workspaces import actions as workspaces
from apps.workspaces.actions.joining import add_member
from apps.workspaces.models import AuditEntry
from tests.unit.workspaces.fixtures import Team, events


@pytest.fixture
def public(team: Team) -> Channel:
    channel = actions.create_channel(actor=team.actor("member"), workspace_id=team.id, name="garden")
    team.forget()
    return channel


@pytest.fixture
def private(team: Team) -> Channel:
    channel = actions.create_channel(
        actor=team.actor("member"), workspace_id=team.id, name="secret", kind="private",
        member_ids=[team.user_id("guest")],
    )  # fmt: skip
    team.forget()
    return channel


def who(channel: Channel) -> set[int]:
    return set(Membership.objects.filter(channel=channel).values_list("user_id", flat=True))


def told() -> list[tuple[str, str]]:
    return [(stream, kind) for stream, kind, _ in events()]


def c(channel: Channel) -> str:
    return f"c:{channel.pk}"


def test_a_public_channel_is_made_and_announced(team: Team) -> None:
    member, admin = team.user_id("member"), team.user_id("admin")
    channel = actions.create_channel(
        actor=team.actor("member"),
        workspace_id=team.id,
        name="#Garden",
        topic="Roses",
        member_ids=[admin, admin, member],
    )
    channel.refresh_from_db()
    assert (channel.name, channel.topic, channel.kind, channel.creator_id) == ("garden", "Roses", "public", member)
    assert who(channel) == {member, admin}
    assert channel.member_count == 2
    found = events()
    assert [(stream, kind) for stream, kind, _ in found] == [
        (c(channel), "channel.member_joined"),
        (f"u:{member}", "membership.added"),
        (c(channel), "channel.member_joined"),
        (f"u:{admin}", "membership.added"),
        (f"w:{team.id}", "channel.created"),
    ]
    created = found[-1][2]
    assert created["name"] == "garden"
    assert created["member_count"] == 2
    assert created["stream"] == c(channel)
    assert found[0][2] == {"channel_id": str(channel.pk), "user_id": str(member), "by": str(member)}
    assert found[1][2] == {"channel_id": str(channel.pk), "workspace_id": str(team.id)}


def test_a_private_channel_is_not_announced(team: Team) -> None:
    channel = actions.create_channel(actor=team.actor("member"), workspace_id=team.id, name="x", kind="private")
    assert told() == [(c(channel), "channel.member_joined"), (f"u:{team.user_id('member')}", "membership.added")]


@pytest.mark.parametrize("kind", ["public", "private"])
def test_a_name_is_taken_once_in_either_case(team: Team, private: Channel, kind: str) -> None:
    with pytest.raises(ConflictError):
        actions.create_channel(actor=team.actor("owner"), workspace_id=team.id, name="SECRET", kind=kind)
    assert team.unchanged()
    other = workspaces.create_workspace(actor=team.actor("owner"), name="Other")
    made = actions.create_channel(actor=team.actor("owner"), workspace_id=other.workspace_id, name="secret")
    assert made.name == private.name


def test_strangers_are_not_added(team: Team, make_user: Callable[..., Any], public: Channel) -> None:
    stranger = make_user("Stranger")
    gone = team.user_id("guest")
    workspaces.deactivate_member(actor=team.actor("owner"), workspace_id=team.id, user_id=gone)
    team.forget()
    for user_id in (stranger.pk, gone, 1):
        with pytest.raises(InvalidError) as error:
            actions.create_channel(actor=team.actor("owner"), workspace_id=team.id, name="y", member_ids=[user_id])
        assert str(user_id) in error.value.extra["errors"]["members"][0]
        with pytest.raises(InvalidError):
            actions.add_members(
                actor=team.actor("owner"), channel_id=public.pk, user_ids=[team.user_id("admin"), user_id]
            )
        with pytest.raises(InvalidError):
            actions.open_dm(actor=team.actor("owner"), workspace_id=team.id, user_ids=[user_id])
    with pytest.raises(InvalidError):
        actions.add_members(actor=team.actor("owner"), channel_id=public.pk, user_ids=range(1, 1002))
    assert team.unchanged()
    assert who(public) == {team.user_id("member")}


def test_joining_and_leaving_are_idempotent(team: Team, public: Channel) -> None:
    admin = team.actor("admin")
    for _ in range(2):
        channel = actions.join_channel(actor=admin, channel_id=public.pk)
    assert channel.member_count == 2
    assert told() == [(c(public), "channel.member_joined"), (f"u:{admin.user_id}", "membership.added")]
    team.forget()
    for _ in range(2):
        actions.leave_channel(actor=admin, channel_id=public.pk)
    assert told() == [(c(public), "channel.member_left"), (f"u:{admin.user_id}", "membership.removed")]
    public.refresh_from_db()
    assert (public.member_count, public.members_version) == (1, 3)
    assert who(public) == {team.user_id("member")}


def test_people_are_added_and_removed(team: Team, private: Channel) -> None:
    member, admin, guest = team.actor("member"), team.user_id("admin"), team.user_id("guest")
    channel, new = actions.add_members(actor=member, channel_id=private.pk, user_ids=[admin, guest])
    assert new == [admin]
    assert channel.member_count == 3
    assert events()[0][2]["by"] == str(member.user_id)
    team.forget()
    actions.remove_member(actor=member, channel_id=private.pk, user_id=guest)
    assert told() == [(c(private), "channel.member_left"), (f"u:{guest}", "membership.removed")]
    assert who(private) == {member.user_id, admin}
    team.forget()
    with pytest.raises(NotFoundError):
        actions.remove_member(actor=member, channel_id=private.pk, user_id=guest)
    assert team.unchanged()
    actions.remove_member(actor=member, channel_id=private.pk, user_id=member.user_id)
    assert who(private) == {admin}, "removing oneself is leaving"


def test_updates_are_told_where_the_channel_is_seen(team: Team, public: Channel, private: Channel) -> None:
    member = team.actor("member")
    actions.update_channel(actor=member, channel_id=public.pk, name="Roses", topic="t")
    assert told() == [(c(public), "channel.updated"), (f"w:{team.id}", "channel.updated")]
    assert events()[0][2] == {
        "channel_id": str(public.pk),
        "name": "roses",
        "topic": "t",
        "purpose": "",
        "changed": ["name", "topic"],
        "old_name": "garden",
        "posting": "everyone",
    }
    team.forget()
    actions.update_channel(actor=member, channel_id=public.pk, name="roses", topic="t")
    actions.update_channel(actor=member, channel_id=public.pk)
    assert team.unchanged(), "nothing changed, so nothing is told"
    actions.update_channel(actor=member, channel_id=private.pk, purpose="p")
    assert told() == [(c(private), "channel.updated")]
    team.forget()
    with pytest.raises(ConflictError):
        actions.update_channel(actor=member, channel_id=private.pk, name="ROSES", topic="lost")
    private.refresh_from_db()
    assert (private.name, private.topic) == ("secret", "")
    assert team.unchanged()


def test_only_who_manages_it_decides_who_posts(team: Team, public: Channel) -> None:
    admin = team.actor("admin")
    actions.join_channel(actor=admin, channel_id=public.pk)
    assert actions.update_channel(actor=admin, channel_id=public.pk, posting="admins").posting == "admins"
    team.forget()
    with pytest.raises(InvalidError):
        actions.update_channel(actor=admin, channel_id=public.pk, posting="nobody")
    other = team.actor("guest")
    with pytest.raises((ForbiddenError, NotFoundError)):
        actions.update_channel(actor=other, channel_id=public.pk, posting="everyone")
    public.refresh_from_db()
    assert public.posting == "admins"
    assert team.unchanged()


def test_archiving_makes_it_read_only_and_can_be_undone(team: Team, public: Channel) -> None:
    member, admin = team.actor("member"), team.actor("admin")
    for _ in range(2):
        assert actions.archive_channel(actor=member, channel_id=public.pk).archived_at is not None
    assert told() == [(c(public), "channel.archived"), (f"w:{team.id}", "channel.archived")]
    team.forget()
    refused: list[Callable[[], Any]] = [
        lambda: actions.join_channel(actor=admin, channel_id=public.pk),
        lambda: actions.update_channel(actor=member, channel_id=public.pk, topic="t"),
        lambda: actions.add_members(actor=member, channel_id=public.pk, user_ids=[admin.user_id]),
        lambda: actions.remove_member(actor=admin, channel_id=public.pk, user_id=member.user_id),
    ]
    for attempt in refused:
        with pytest.raises(ForbiddenError, match="archived"):
            attempt()
    assert team.unchanged()
    for _ in range(2):
        assert actions.unarchive_channel(actor=admin, channel_id=public.pk).archived_at is None
    assert told() == [(c(public), "channel.unarchived"), (f"w:{team.id}", "channel.unarchived")]


def attempts(channel: Channel, team: Team) -> dict[str, Callable[[Principal], Any]]:
    other = team.user_id("owner")
    return {
        "join": lambda actor: actions.join_channel(actor=actor, channel_id=channel.pk),
        "leave": lambda actor: actions.leave_channel(actor=actor, channel_id=channel.pk),
        "update": lambda actor: actions.update_channel(actor=actor, channel_id=channel.pk, topic="t"),
        "archive": lambda actor: actions.archive_channel(actor=actor, channel_id=channel.pk),
        "unarchive": lambda actor: actions.unarchive_channel(actor=actor, channel_id=channel.pk),
        "add": lambda actor: actions.add_members(actor=actor, channel_id=channel.pk, user_ids=[other]),
        "remove": lambda actor: actions.remove_member(
            actor=actor, channel_id=channel.pk, user_id=team.user_id("member")
        ),
    }


@pytest.mark.parametrize("verb", ["join", "leave", "update", "archive", "unarchive", "add", "remove"])
def test_what_is_not_seen_is_not_there(
    team: Team, make_user: Callable[..., Any], private: Channel, public: Channel, verb: str
) -> None:
    """An owner outside a private channel, a guest outside a public one, a stranger, somebody deactivated."""
    stranger = Principal(user_id=make_user("Stranger").pk)
    actions.add_members(actor=team.actor("member"), channel_id=private.pk, user_ids=[team.user_id("admin")])
    workspaces.deactivate_member(actor=team.actor("owner"), workspace_id=team.id, user_id=team.user_id("admin"))
    team.forget()
    for channel, actor in (
        (private, team.actor("owner")),
        (private, team.actor("admin")),
        (public, team.actor("guest")),
        (private, stranger),
        (public, stranger),
    ):
        with pytest.raises(NotFoundError):
            attempts(channel, team)[verb](actor)
    missing = Channel(id=123)
    with pytest.raises(NotFoundError):
        attempts(missing, team)[verb](team.actor("owner"))
    assert team.unchanged()
    assert len(who(private)) == 3


@pytest.mark.parametrize("verb", ["update", "archive", "unarchive", "add", "remove"])
def test_guests_only_take_part(team: Team, private: Channel, verb: str) -> None:
    with pytest.raises(ForbiddenError):
        attempts(private, team)[verb](team.actor("guest"))
    assert team.unchanged()


def test_guests_create_nothing(team: Team) -> None:
    with pytest.raises(ForbiddenError):
        actions.create_channel(actor=team.actor("guest"), workspace_id=team.id, name="mine")
    assert team.unchanged()


@pytest.mark.parametrize("verb", ["join", "leave", "update", "archive", "unarchive", "add", "remove"])
def test_bots_need_the_scope(team: Team, public: Channel, verb: str) -> None:
    reader = replace(team.actor("member"), is_bot=True, scopes=frozenset({"channels:read"}))
    with pytest.raises(ForbiddenError, match="channels:manage"):
        attempts(public, team)[verb](reader)
    assert team.unchanged()


# -- direct messages -------------------------------------------------------------------------------------------------


def test_a_dm_is_one_however_it_is_opened(team: Team) -> None:
    owner, admin = team.actor("owner"), team.actor("admin")
    made, new = actions.open_dm(actor=owner, workspace_id=team.id, user_ids=[admin.user_id])
    assert (new, made.kind, made.name, made.member_count) == (True, "dm", None, 2)
    assert sorted(made.dm_user_ids) == sorted([owner.user_id, admin.user_id])
    assert {stream for stream, _ in told()} == {c(made), f"u:{owner.user_id}", f"u:{admin.user_id}"}
    team.forget()
    again, new = actions.open_dm(actor=admin, workspace_id=team.id, user_ids=[owner.user_id, admin.user_id])
    assert (again.pk, new) == (made.pk, False)
    assert team.unchanged()


def test_dms_with_oneself_and_in_groups(team: Team) -> None:
    owner = team.actor("owner")
    alone, _ = actions.open_dm(actor=owner, workspace_id=team.id, user_ids=[])
    assert (alone.kind, alone.member_count) == ("dm", 1)
    people = [team.user_id(role) for role in ("admin", "member", "guest")]
    group, _ = actions.open_dm(actor=owner, workspace_id=team.id, user_ids=people)
    assert (group.kind, group.member_count) == ("group_dm", 4)
    again, new = actions.open_dm(actor=team.actor("member"), workspace_id=team.id, user_ids=[owner.user_id, *people])
    assert (again.pk, new) == (group.pk, False)
    team.forget()
    with pytest.raises(InvalidError):
        actions.open_dm(actor=owner, workspace_id=team.id, user_ids=range(1, 9))
    for verb, attempt in attempts(group, team).items():
        if verb == "join":
            attempt(owner)  # one is in it: nothing to do
            continue
        with pytest.raises(ForbiddenError):
            attempt(owner)
    assert team.unchanged()


def test_a_guest_writes_to_people_of_their_channels(team: Team, private: Channel) -> None:
    guest = team.actor("guest")
    dm, new = actions.open_dm(actor=guest, workspace_id=team.id, user_ids=[team.user_id("member")])
    assert (new, dm.kind) == (True, "dm")
    with pytest.raises(ForbiddenError):
        actions.open_dm(actor=guest, workspace_id=team.id, user_ids=[team.user_id("admin")])


# -- the first channels ----------------------------------------------------------------------------------------------


def test_default_channels(team: Team) -> None:
    owner, member = team.actor("owner"), team.actor("member")
    for _ in range(2):
        made = actions.create_default_channels(actor=owner, workspace_id=team.id)
    assert [channel.name for channel in made] == ["general", "random"]
    general, random = made
    for _ in range(2):
        actions.join_default_channels(workspace_id=team.id, user_id=member.user_id)
    assert who(general) == who(random) == {owner.user_id, member.user_id}
    team.forget()
    refused: list[Callable[[], Any]] = [
        lambda: actions.leave_channel(actor=member, channel_id=general.pk),
        lambda: actions.archive_channel(actor=owner, channel_id=general.pk),
        lambda: actions.remove_member(actor=owner, channel_id=general.pk, user_id=member.user_id),
    ]
    for attempt in refused:
        with pytest.raises(ForbiddenError):
            attempt()
    assert team.unchanged()
    actions.leave_channel(actor=member, channel_id=random.pk)
    actions.archive_channel(actor=owner, channel_id=random.pk)
    actions.join_default_channels(workspace_id=team.id, user_id=team.user_id("admin"))
    assert who(random) == {owner.user_id}, "what is archived is not joined"


def test_a_change_that_fails_leaves_nothing(team: Team, public: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> int:
        raise RuntimeError

    monkeypatch.setattr("apps.eventlog.outbox.enqueue", fail)
    for attempt in (
        lambda: actions.join_channel(actor=team.actor("admin"), channel_id=public.pk),
        lambda: actions.update_channel(actor=team.actor("member"), channel_id=public.pk, topic="t"),
        lambda: actions.create_channel(actor=team.actor("member"), workspace_id=team.id, name="new"),
    ):
        with pytest.raises(RuntimeError):
            attempt()
    public.refresh_from_db()
    assert (public.topic, public.member_count, who(public)) == ("", 1, {team.user_id("member")})
    assert not Channel.objects.filter(name="new").exists()


def test_many_are_added_in_few_queries(
    team: Team, make_user: Callable[..., Any], public: Channel, django_assert_max_num_queries: Any
) -> None:
    with transaction.atomic():
        ids = [
            add_member(workspace=team.workspace, user=make_user(f"P {i}"), role="member", actor_id=1).user_id
            for i in range(20)
        ]
    before = 6 + 2 * len(ids)  # the outbox takes a row an event
    with django_assert_max_num_queries(before + 4):
        actions.add_members(actor=team.actor("member"), channel_id=public.pk, user_ids=ids)
    public.refresh_from_db()
    assert public.member_count == 21


def test_what_is_audited(team: Team, public: Channel, private: Channel) -> None:
    AuditEntry.objects.all().delete()
    owner, member, guest = team.actor("owner"), team.actor("member"), team.user_id("guest")
    actions.update_channel(actor=member, channel_id=public.pk, topic="Roses")  # talk, not administration
    actions.update_channel(actor=member, channel_id=public.pk, name="orchard")
    actions.add_members(actor=member, channel_id=public.pk, user_ids=[guest])
    actions.add_members(actor=member, channel_id=public.pk, user_ids=[guest])
    actions.remove_member(actor=member, channel_id=public.pk, user_id=guest)
    with pytest.raises(NotFoundError):
        actions.remove_member(actor=member, channel_id=public.pk, user_id=guest)
    actions.archive_channel(actor=owner, channel_id=public.pk)
    actions.archive_channel(actor=owner, channel_id=public.pk)
    actions.unarchive_channel(actor=owner, channel_id=public.pk)
    actions.archive_channel(actor=member, channel_id=private.pk)
    found = [(entry.action, entry.target, entry.detail) for entry in AuditEntry.objects.order_by("id")]
    here, name = f"channel:{public.pk}", {"channel": str(public.pk), "name": "orchard"}
    assert found == [
        ("channel.renamed", here, name | {"old": "garden"}),
        ("channel.members_added", here, name | {"count": 1}),
        ("channel.member_removed", f"member:{guest}", name),
        ("channel.archived", here, name),
        ("channel.unarchived", here, name),
        ("channel.archived", f"channel:{private.pk}", {"channel": str(private.pk), "name": None}),
    ]
