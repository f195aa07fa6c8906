import pytest

from apps.accounts import queries as accounts
from apps.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from apps.workspaces import actions, queries
from apps.workspaces.models import Member
from tests.unit.accounts.fixtures import person
from tests.unit.workspaces.fixtures import events


def test_a_role_change_is_told_and_recorded(team):
    changed = actions.change_role(
        actor=team.actor("admin"), workspace_id=team.id, user_id=team.user_id("member"), role="guest"
    )
    assert team.member("member").role == changed.role == "guest"
    ((stream, kind, body),) = events()
    assert (stream, kind, body["role"]) == (f"w:{team.id}", "workspace.member_updated", "guest")
    assert team.audit() == [("member.role_changed", f"member:{team.user_id('member')}")]


@pytest.mark.parametrize(
    ("actor", "target", "role"),
    [
        ("admin", "owner", "admin"),
        ("admin", "member", "owner"),
        ("admin", "admin", "owner"),
        ("member", "guest", "member"),
        ("member", "member", "admin"),
        ("guest", "guest", "member"),
    ],
)
def test_nobody_reaches_above_themselves(team, actor, target, role):
    with pytest.raises(ForbiddenError):
        actions.change_role(actor=team.actor(actor), workspace_id=team.id, user_id=team.user_id(target), role=role)
    assert team.member(target).role == target
    assert team.unchanged()


def test_the_last_owner_stays(team):
    owner = team.actor("owner")
    for attempt in (
        lambda: actions.change_role(actor=owner, workspace_id=team.id, user_id=owner.user_id, role="admin"),
        lambda: actions.deactivate_member(actor=owner, workspace_id=team.id, user_id=owner.user_id),
    ):
        with pytest.raises(ConflictError):
            attempt()
        assert team.member("owner").role == "owner"
        assert team.member("owner").active
        assert team.unchanged()
    actions.change_role(actor=owner, workspace_id=team.id, user_id=team.user_id("admin"), role="owner")
    actions.change_role(actor=owner, workspace_id=team.id, user_id=owner.user_id, role="member")
    assert team.member("owner").role == "member"


def test_a_deactivated_owner_is_no_owner_left(team):
    owner = team.actor("owner")
    actions.change_role(actor=owner, workspace_id=team.id, user_id=team.user_id("admin"), role="owner")
    actions.deactivate_member(actor=owner, workspace_id=team.id, user_id=team.user_id("admin"))
    with pytest.raises(ConflictError):
        actions.deactivate_member(actor=owner, workspace_id=team.id, user_id=owner.user_id)


def test_deactivating_cuts_the_rights_and_tells_both_streams(team):
    guest = team.user_id("guest")
    actions.deactivate_member(actor=team.actor("admin"), workspace_id=team.id, user_id=guest)
    assert [(stream, kind) for stream, kind, _ in events()] == [
        (f"w:{team.id}", "workspace.member_updated"),
        (f"u:{guest}", "workspace.left"),
    ]
    assert events()[0][2]["active"] is False
    with pytest.raises(NotFoundError):
        queries.membership(team.id, guest)
    team.forget()
    actions.deactivate_member(actor=team.actor("admin"), workspace_id=team.id, user_id=guest)
    assert team.unchanged()
    actions.reactivate_member(actor=team.actor("admin"), workspace_id=team.id, user_id=guest)
    assert [kind for _, kind, _ in events()] == ["workspace.member_updated", "workspace.joined"]
    assert queries.membership(team.id, guest).role == "guest"


@pytest.mark.parametrize("actor", ["member", "guest"])
def test_who_may_not_manage_learns_nothing_about_who_exists(team, actor, ann):
    for user_id in (team.user_id("admin"), ann.pk, 1):
        for verb in (actions.deactivate_member, actions.reactivate_member):
            with pytest.raises(ForbiddenError):
                verb(actor=team.actor(actor), workspace_id=team.id, user_id=user_id)
        with pytest.raises(ForbiddenError):
            actions.change_handle(actor=team.actor(actor), workspace_id=team.id, user_id=user_id, handle="x")
    assert team.unchanged()


def test_handles_change_and_stay_unique(team):
    me = team.actor("member")
    actions.change_handle(actor=me, workspace_id=team.id, user_id=me.user_id, handle="@Mem")
    assert team.member("member").handle == "mem"
    team.forget()
    with pytest.raises(ConflictError):
        actions.change_handle(actor=me, workspace_id=team.id, user_id=me.user_id, handle="the.owner")
    with pytest.raises(InvalidError):
        actions.change_handle(actor=me, workspace_id=team.id, user_id=me.user_id, handle="channel")
    assert team.member("member").handle == "mem"
    assert team.unchanged()


def test_several_changes_are_one(team):
    guest = team.user_id("guest")
    with pytest.raises(ForbiddenError):
        actions.update_member(actor=team.actor("admin"), workspace_id=team.id, user_id=guest, handle="g", role="owner")
    assert team.member("guest").handle == "the.guest"
    assert team.unchanged()
    changed = actions.update_member(
        actor=team.actor("admin"), workspace_id=team.id, user_id=guest, handle="g", role="member", active=False
    )
    assert (changed.handle, changed.role, changed.active) == ("g", "member", False)


def test_outsiders_find_nothing(team, ann):
    with pytest.raises(NotFoundError):
        actions.update_member(actor=person(ann), workspace_id=team.id, user_id=team.user_id("guest"), role="owner")
    with pytest.raises(NotFoundError):
        actions.update_member(actor=person(ann), workspace_id=team.id, user_id=team.user_id("guest"))


def test_handles_of_namesakes_are_numbered(team, make_user):
    from django.db import transaction

    from apps.workspaces.actions.joining import add_member

    handles = []
    for number in range(3):
        with transaction.atomic():
            user = make_user("Ann Lee", f"{number}@example.com")
            handles.append(add_member(workspace=team.workspace, user=user, role="member", actor_id=user.pk).handle)
    assert handles == ["ann.lee", "ann.lee2", "ann.lee3"]


def test_a_new_name_is_told_wherever_the_person_is(team):
    me = team.actor("member")
    actions.create_workspace(actor=me, name="Another")
    team.forget()
    actions.change_name(actor=me, name="Em")
    told = events()
    assert {(stream, kind, body["name"]) for stream, kind, body in told} == {
        (f"w:{row.workspace_id}", "workspace.member_updated", "Em") for row in Member.objects.filter(user_id=me.user_id)
    }
    assert len(told) == 2


def test_bots_are_made_and_ended_by_admins(team):
    bot, token, secret = actions.create_bot(
        actor=team.actor("admin"), workspace_id=team.id, name="Echo", scopes=["messages:read"]
    )
    assert (bot.handle, bot.role, bot.user.is_bot, token.name) == ("echo", "member", True, "Echo")
    assert accounts.authenticate_token(secret).user_id == bot.user_id
    assert [row.pk for row in queries.bots(team.id).results] == [bot.pk]
    second, other = actions.issue_bot_token(
        actor=team.actor("admin"), workspace_id=team.id, user_id=bot.user_id, name="two", scopes=["channels:read"]
    )
    actions.revoke_bot_token(actor=team.actor("admin"), workspace_id=team.id, user_id=bot.user_id, token_id=second.pk)
    with pytest.raises(UnauthenticatedError):
        accounts.authenticate_token(other)
    with pytest.raises(InvalidError):
        actions.change_role(actor=team.actor("owner"), workspace_id=team.id, user_id=bot.user_id, role="admin")
    actions.remove_bot(actor=team.actor("admin"), workspace_id=team.id, user_id=bot.user_id)
    with pytest.raises(UnauthenticatedError):
        accounts.authenticate_token(secret)
    assert [action for action, _ in team.audit()] == [
        "bot.created",
        "bot.token_issued",
        "bot.token_revoked",
        "bot.removed",
    ]
    assert other not in str(team.audit())
    assert secret not in str(team.audit())


def test_people_are_no_bots_and_members_make_none(team):
    admin, someone = team.actor("admin"), team.user_id("member")
    for verb in (
        lambda: actions.remove_bot(actor=admin, workspace_id=team.id, user_id=someone),
        lambda: actions.issue_bot_token(
            actor=admin, workspace_id=team.id, user_id=someone, name="x", scopes=["messages:read"]
        ),
    ):
        with pytest.raises(NotFoundError):
            verb()
    with pytest.raises(ForbiddenError):
        actions.create_bot(actor=team.actor("member"), workspace_id=team.id, name="Echo", scopes=["messages:read"])
    with pytest.raises(InvalidError):
        actions.create_bot(actor=admin, workspace_id=team.id, name="Echo", scopes=["root"])
    assert team.unchanged()
    assert not Member.objects.filter(user__is_bot=True).exists()
