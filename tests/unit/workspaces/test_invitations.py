from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core import mail

from apps.core.clock import now
from apps.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RateLimitedError
from apps.workspaces import actions, queries
from apps.workspaces.models import Invitation, Member
from tests.unit.accounts.fixtures import person
from tests.unit.workspaces.fixtures import events


def invite(team, by="member", **kwargs):
    return actions.create_invite(actor=team.actor(by), workspace_id=team.id, **kwargs)


def test_a_link_lets_somebody_in(team, ann):
    made = invite(team)
    assert made.url == f"http://localhost:8000/invite/{made.code}"
    assert made.code not in str(Invitation.objects.values().get())
    assert queries.preview(made.code).workspace == team.workspace
    team.forget()
    member, new = actions.accept_invite(actor=person(ann), code=made.code)
    assert (member.role, member.handle, member.workspace, new) == ("member", "ann.lee", team.workspace, True)
    assert [(stream, kind) for stream, kind, _ in events()] == [
        (f"w:{team.id}", "workspace.member_joined"),
        (f"u:{ann.pk}", "workspace.joined"),
    ]
    assert team.audit() == [("member.joined", f"member:{ann.pk}")]


def test_accepting_again_changes_nothing_even_when_the_link_is_dead(team, ann):
    made = invite(team, max_uses=1)
    first = actions.accept_invite(actor=person(ann), code=made.code)
    team.forget()
    again = actions.accept_invite(actor=person(ann), code=made.code)
    assert (again.member.pk, again.new) == (first.member.pk, False)
    assert Invitation.objects.get().uses == 1
    assert team.unchanged()


def kill_unknown(team, made):
    return made.code + "x"


def kill_expired(team, made):
    Invitation.objects.update(expires_at=now())


def kill_revoked(team, made):
    actions.revoke_invite(actor=team.actor("admin"), workspace_id=team.id, invitation_id=made.invitation.pk)


def kill_used_up(team, made):
    Invitation.objects.update(uses=100)


def kill_inviter_gone(team, made):
    actions.deactivate_member(actor=team.actor("owner"), workspace_id=team.id, user_id=team.user_id("member"))


def kill_inviter_demoted(team, made):
    actions.change_role(actor=team.actor("owner"), workspace_id=team.id, user_id=team.user_id("member"), role="guest")


@pytest.mark.parametrize(
    "kill", [kill_unknown, kill_expired, kill_revoked, kill_used_up, kill_inviter_gone, kill_inviter_demoted]
)
def test_every_dead_link_looks_the_same(team, ann, kill):
    made = invite(team)
    code = kill(team, made) or made.code
    team.forget()
    for look in (lambda: queries.preview(code), lambda: actions.accept_invite(actor=person(ann), code=code)):
        with pytest.raises(NotFoundError) as raised:
            look()
        assert raised.value.detail == queries.DEAD_INVITATION
    assert not Member.objects.filter(user=ann).exists()
    assert team.unchanged()


@pytest.mark.parametrize(
    ("by", "role", "allowed"),
    [
        ("owner", "owner", True),
        ("admin", "owner", False),
        ("admin", "admin", True),
        ("member", "admin", False),
        ("member", "member", True),
        ("member", "guest", True),
        ("guest", "guest", False),
    ],
)
def test_nobody_gives_more_than_they_have(team, by, role, allowed):
    if allowed:
        assert invite(team, by, role=role).invitation.role == role
        return
    with pytest.raises(ForbiddenError):
        invite(team, by, role=role)
    assert not Invitation.objects.exists()
    assert team.unchanged()


def test_an_address_binds_the_link_and_gets_a_letter(team, ann, bob, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        made = invite(team, email=" ANN.Lee@example.com ", max_uses=50)
    assert (made.invitation.email, made.invitation.max_uses) == (ann.email, 1)
    (letter,) = mail.outbox
    assert letter.to == [ann.email]
    assert made.url in letter.body
    assert "Acme" in letter.subject
    with pytest.raises(ForbiddenError):
        actions.accept_invite(actor=person(bob), code=made.code)
    assert Invitation.objects.get().uses == 0
    assert actions.accept_invite(actor=person(ann), code=made.code).new
    with pytest.raises(ConflictError):
        invite(team, email=ann.email)


def test_a_letter_that_fails_leaves_the_link(team, django_capture_on_commit_callbacks, caplog):
    with (
        patch("apps.workspaces.tasks.send_invitation.delay", side_effect=OSError),
        django_capture_on_commit_callbacks(execute=True),
    ):
        made = invite(team, email="ann@example.com")
    assert queries.preview(made.code).email == "ann@example.com"


def test_no_letter_for_a_withdrawn_invitation(team, django_capture_on_commit_callbacks):
    from apps.workspaces.mail import send_invitation

    made = invite(team, email="ann@example.com")
    kill_revoked(team, made)
    assert not send_invitation(made.invitation.pk, made.code)
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "x"}, "email"),
        ({"role": "king"}, "role"),
        ({"max_uses": 0}, "max_uses"),
        ({"max_uses": 10**30}, "max_uses"),
        ({"expires_in": 1}, "expires_in"),
        ({"expires_in": 10**30}, "expires_in"),
    ],
)
def test_bad_invitations(team, change, field):
    with pytest.raises(InvalidError) as raised:
        invite(team, **change)
    assert raised.value.extra["errors"].keys() == {field}
    assert not Invitation.objects.exists()


def test_invitations_are_bounded(team):
    with patch("apps.workspaces.actions.invitations.MAX_LIVE", 2):
        invite(team)
        invite(team)
        with pytest.raises(ConflictError):
            invite(team)
    for number in range(50):
        invite(team, email=f"{number}@example.com")
    with pytest.raises(RateLimitedError):
        invite(team, email="one.more@example.com")


def test_who_was_deactivated_does_not_come_back_by_a_link(team):
    made = invite(team)
    actions.deactivate_member(actor=team.actor("owner"), workspace_id=team.id, user_id=team.user_id("guest"))
    with pytest.raises(ForbiddenError):
        actions.accept_invite(actor=team.actor("guest"), code=made.code)
    assert not team.member("guest").active


def test_lists_show_admins_all_and_others_their_own(team):
    mine, other = invite(team), invite(team, "owner")
    assert [row.pk for row in queries.visible_invitations(actor=team.actor("admin"), workspace_id=team.id).results] == [
        other.invitation.pk,
        mine.invitation.pk,
    ]
    own = queries.visible_invitations(actor=team.actor("member"), workspace_id=team.id).results
    assert [row.pk for row in own] == [mine.invitation.pk]
    with pytest.raises(NotFoundError):
        actions.revoke_invite(actor=team.actor("member"), workspace_id=team.id, invitation_id=other.invitation.pk)
    kill_revoked(team, mine)
    Invitation.objects.filter(id=other.invitation.pk).update(expires_at=now() - timedelta(seconds=1))
    assert queries.visible_invitations(actor=team.actor("admin"), workspace_id=team.id).results == []
