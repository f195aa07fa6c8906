from unittest.mock import patch

import pytest

from apps.accounts.principal import Principal
from apps.core import registry
from apps.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RateLimitedError
from apps.workspaces import actions, keys, queries
from apps.workspaces.models import AuditEntry, DataKey, Member, Workspace
from tests.unit.accounts.fixtures import person
from tests.unit.workspaces.fixtures import events


def test_the_creator_is_the_owner_and_the_workspace_has_a_key(ann):
    member = actions.create_workspace(actor=person(ann), name="  Acme  Rockets ")
    assert (member.role, member.handle, member.workspace.name) == ("owner", "ann.lee", "Acme  Rockets")
    assert member.workspace.slug == "acme-rockets"
    key_id, key = keys.data_key(member.workspace_id)
    assert keys.key_by_id(key_id) == key
    assert len(key) == 32
    assert key not in bytes(DataKey.objects.get().wrapped)
    assert [(stream, kind) for stream, kind, _ in events()] == [
        (f"w:{member.workspace_id}", "workspace.member_joined"),
        (f"u:{ann.pk}", "workspace.joined"),
    ]
    assert events()[0][2] == queries.present_member(member) | {"workspace_id": str(member.workspace_id)}
    assert AuditEntry.objects.get().action == "workspace.created"


def test_names_may_repeat_slugs_do_not(ann):
    first, second, third = (
        actions.create_workspace(actor=person(ann), name=name).workspace.slug for name in ("Acme", "acme!", "李")
    )
    assert first == "acme"
    assert second.startswith("acme-")
    assert third == "team"


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "x" * 1_000_000, "a\0b", "a\nb", "\ud800"])
def test_bad_names_make_nothing(ann, name):
    with pytest.raises(InvalidError):
        actions.create_workspace(actor=person(ann), name=name)
    assert not Workspace.objects.exists()
    assert not DataKey.objects.exists()


def test_bots_make_no_workspaces(ann):
    with pytest.raises(ForbiddenError):
        actions.create_workspace(actor=Principal(user_id=ann.pk, is_bot=True, scopes=frozenset()), name="Acme")


def test_workspaces_per_person_are_bounded(ann):
    with patch("apps.workspaces.actions.joining.MAX_WORKSPACES", 1):
        actions.create_workspace(actor=person(ann), name="One")
        with pytest.raises(ConflictError):
            actions.create_workspace(actor=person(ann), name="Two")
    for number in range(18):
        actions.create_workspace(actor=person(ann), name=f"Number {number}")
    with pytest.raises(RateLimitedError):
        actions.create_workspace(actor=person(ann), name="One more")


def test_renaming_tells_the_workspace(team):
    left = {"emoji_by": "members", "groups_by": "admins"}
    actions.rename_workspace(actor=team.actor("admin"), workspace_id=team.id, name="Acme 2")
    assert events() == [
        (
            f"w:{team.id}",
            "workspace.updated",
            {"workspace_id": str(team.id), "name": "Acme 2"} | left,
        ),
    ]
    assert AuditEntry.objects.get().detail == {"old": "Acme", "new": "Acme 2"}
    team.forget()
    actions.rename_workspace(actor=team.actor("admin"), workspace_id=team.id, name="Acme 2")
    assert team.unchanged()


@pytest.mark.parametrize("role", ["member", "guest"])
def test_only_admins_rename(team, role):
    with pytest.raises(ForbiddenError):
        actions.rename_workspace(actor=team.actor(role), workspace_id=team.id, name="Mine")
    assert team.unchanged()


def test_a_foreign_and_a_missing_workspace_look_the_same(team, ann):
    for workspace_id in (team.id, 1):
        with pytest.raises(NotFoundError):
            actions.rename_workspace(actor=person(ann), workspace_id=workspace_id, name="Mine")
        with pytest.raises(NotFoundError):
            queries.membership(workspace_id, ann.pk)
    assert team.unchanged()


def test_only_active_members_count(team, ann):
    assert queries.role_of(team.id, team.user_id("guest")) == "guest"
    Member.objects.filter(user=team.users["guest"]).update(active=False)
    guest = team.user_id("guest")
    with pytest.raises(NotFoundError):
        queries.member(team.id, guest)
    assert queries.role_of(team.id, guest) is None
    assert queries.member_many(team.id, [guest, ann.pk]) == {}
    assert queries.member_many(team.id, [guest], active_only=False).keys() == {guest}
    assert queries.handles(team.id, ["The.Guest", "the.member"]) == {"the.member": team.user_id("member")}
    assert queries.workspaces_of(guest).results == []


def test_cached_roles_are_exact_after_a_change(transactional_db, make_user):
    from asgiref.sync import async_to_sync

    from tests.unit.workspaces.fixtures import Team

    team = Team(make_user)
    key = queries.role_key(team.id, team.user_id("member"))

    def role():
        return dict(async_to_sync(registry.facts().get)([key], queries.load_roles)).get(key)

    registry.facts.cache_clear()
    assert role() == "member"
    owner = team.actor("owner")
    actions.change_role(actor=owner, workspace_id=team.id, user_id=team.user_id("member"), role="guest")
    assert role() == "guest"
    actions.deactivate_member(actor=owner, workspace_id=team.id, user_id=team.user_id("member"))
    assert role() is None
    registry.facts.cache_clear()


def test_members_are_listed_searched_and_paged(team):
    first = queries.members(team.id, limit=3)
    rest = queries.members(team.id, cursor=first.next_cursor, limit=3)
    handles = [row.handle for row in [*first.results, *rest.results]]
    assert handles == ["the.admin", "the.guest", "the.member", "the.owner"]
    assert rest.next_cursor is None
    assert [row.handle for row in queries.members(team.id, q=" @THE.m").results] == ["the.member"]
    assert [row.handle for row in queries.members(team.id, q="guest").results] == ["the.guest"]
    assert queries.members(team.id, q="a\0b").results == []
    assert [row.handle for row in queries.members(team.id, among=[team.user_id("owner")]).results] == ["the.owner"]


def test_workspaces_are_paged(ann):
    made = [actions.create_workspace(actor=person(ann), name=f"W{n}").workspace_id for n in range(3)]
    first = queries.workspaces_of(ann.pk, limit=2)
    rest = queries.workspaces_of(ann.pk, cursor=first.next_cursor, limit=2)
    assert [row.workspace_id for row in [*first.results, *rest.results]] == made
    assert rest.next_cursor is None


def test_a_wrapped_key_opens_only_in_its_place(team):
    row = DataKey.objects.get(workspace_id=team.id)
    copy = DataKey.objects.create(workspace_id=team.id, wrapped=row.wrapped)
    from apps.core.crypto import SealError

    with pytest.raises(SealError):
        keys.key_by_id(copy.pk)


def test_keys_are_cached_and_a_shredded_one_is_gone_once_forgotten(team, django_assert_num_queries):
    keys.forget()
    key_id, key = keys.data_key(team.id)
    with django_assert_num_queries(0):
        assert keys.data_key(team.id) == (key_id, key)
        assert keys.key_by_id(key_id) == key
    DataKey.objects.all().delete()
    keys.forget()
    for gone in (lambda: keys.data_key(team.id), lambda: keys.key_by_id(key_id)):
        with pytest.raises(NotFoundError):
            gone()


def test_the_key_cache_is_bounded(team):
    with patch.object(keys, "CACHED", 3):
        keys.forget()
        for _ in range(5):
            keys.key_by_id(keys.make_data_key(team.id).pk)
        assert len(keys._by_id) == 3
    keys.forget()
