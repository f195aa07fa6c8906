"""The whole of what roles may do, as tables: rows act on columns."""

import itertools

import pytest

from apps.workspaces import policies

ROLES = ["owner", "admin", "member", "guest"]
ALONE = {
    policies.is_admin: "yes yes no no",
    policies.can_manage_members: "yes yes no no",
    policies.can_manage_bots: "yes yes no no",
    policies.can_rename_workspace: "yes yes no no",
    policies.can_see_audit: "yes yes no no",
    policies.can_invite: "yes yes yes no",
    policies.can_see_directory: "yes yes yes no",
    policies.can_follow_workspace: "yes yes yes no",
}
ON_ANOTHER = {
    # target:               owner admin member guest
    policies.can_grant: {
        "owner": "yes yes yes yes",
        "admin": "no yes yes yes",
        "member": "no no yes yes",
        "guest": "no no no no",
    },
    policies.can_touch: {
        "owner": "yes yes yes yes",
        "admin": "no yes yes yes",
        "member": "no no no no",
        "guest": "no no no no",
    },
}


@pytest.mark.parametrize(("predicate", "row"), ALONE.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_alone(predicate, row):
    assert [predicate(role) for role in ROLES] == [word == "yes" for word in row.split()]


@pytest.mark.parametrize("predicate", ON_ANOTHER, ids=lambda value: value.__name__)
@pytest.mark.parametrize("actor", ROLES)
def test_on_another(predicate, actor):
    expected = [word == "yes" for word in ON_ANOTHER[predicate][actor].split()]
    assert [predicate(actor, target) for target in ROLES] == expected


@pytest.mark.parametrize(("actor", "old", "new"), list(itertools.product(ROLES, repeat=3)))
def test_a_role_changes_when_both_ends_are_within_reach(actor, old, new):
    expected = actor == "owner" or (actor == "admin" and "owner" not in (old, new))
    assert policies.can_change_role(actor, old=old, new=new) is expected


@pytest.mark.parametrize("target", ROLES)
@pytest.mark.parametrize("actor", ROLES)
def test_handles(actor, target):
    assert policies.can_change_handle(actor, target, own=True)
    assert policies.can_change_handle(actor, target, own=False) is policies.can_touch(actor, target)


@pytest.mark.parametrize("role", ROLES)
def test_invitations_are_withdrawn_by_their_maker_or_an_admin(role):
    assert policies.can_revoke_invitation(role, own=True)
    assert policies.can_revoke_invitation(role, own=False) is (role in ("owner", "admin"))
