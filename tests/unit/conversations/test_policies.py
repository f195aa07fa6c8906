"""The whole table of rights: role x kind x member x archived, for every action."""

import itertools
from collections.abc import Callable

import pytest

from apps.conversations import policies
from apps.conversations.access import Access
from apps.core.errors import ForbiddenError, NotFoundError

ROLES = ("owner", "admin", "member", "guest")
KINDS = ("public", "private", "dm", "group_dm")
EVERYWHERE = [*itertools.product(ROLES, KINDS, (True, False), (True, False))]
CREATOR, SOMEBODY = 7, 8


def access(role: str, kind: str, *, is_member: bool, archived: bool, creator: bool = False, general: bool = False):
    return Access(
        channel_id=1,
        workspace_id=2,
        kind=kind,
        archived=archived,
        is_member=is_member,
        role=role,
        user_id=CREATOR if creator else SOMEBODY,
        creator_id=CREATOR,
        is_general=general,
    )


def allowed(policy: Callable[[Access], bool], *, creator: bool = False, general: bool = False) -> set[str]:
    """Where the policy says yes, as `role kind in|out open|archived`."""
    return {
        f"{role} {kind} {'in' if is_member else 'out'} {'archived' if archived else 'open'}"
        for role, kind, is_member, archived in EVERYWHERE
        if policy(access(role, kind, is_member=is_member, archived=archived, creator=creator, general=general))
    }


def cells(roles: str, kinds: str, places: str, states: str) -> set[str]:
    return {" ".join(cell) for cell in itertools.product(*(part.split() for part in (roles, kinds, places, states)))}


ALL = " ".join(ROLES)
STAFF = "owner admin member"
SEEN = cells(ALL, " ".join(KINDS), "in", "open archived") | cells(STAFF, "public", "out", "open archived")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (policies.can_see, SEEN),
        (policies.can_read, SEEN),
        (policies.can_post, cells(ALL, " ".join(KINDS), "in", "open")),
        (policies.can_join, cells(STAFF, "public", "in out", "open")),
        (policies.can_leave, cells(ALL, "public private", "in", "open archived")),
        (
            policies.can_update,
            cells(STAFF, "public private", "in", "open") | cells("owner admin", "public", "out", "open"),
        ),
        (
            policies.can_add_members,
            cells(STAFF, "public private", "in", "open") | cells("owner admin", "public", "out", "open"),
        ),
        (
            policies.can_archive,
            cells("owner admin", "public private", "in", "open archived")
            | cells("owner admin", "public", "out", "open archived"),
        ),
        (
            policies.can_unarchive,
            cells("owner admin", "public private", "in", "open archived")
            | cells("owner admin", "public", "out", "open archived"),
        ),
        (
            policies.can_remove_member,
            cells("owner admin", "public private", "in", "open") | cells("owner admin", "public", "out", "open"),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_table(policy: Callable[[Access], bool], expected: set[str]) -> None:
    assert allowed(policy) == expected


@pytest.mark.parametrize(
    ("policy", "states"),
    [
        (policies.can_archive, "open archived"),
        (policies.can_unarchive, "open archived"),
        (policies.can_remove_member, "open"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_who_made_a_channel_manages_it_while_in_it(policy: Callable[[Access], bool], states: str) -> None:
    assert allowed(policy, creator=True) - allowed(policy) == cells("member", "public private", "in", states)


@pytest.mark.parametrize(
    "policy", [policies.can_leave, policies.can_archive, policies.can_unarchive, policies.can_remove_member]
)
def test_nobody_leaves_or_ends_general(policy: Callable[[Access], bool]) -> None:
    assert allowed(policy, general=True, creator=True) == set()


def test_general_can_be_described_and_joined() -> None:
    assert allowed(policies.can_update, general=True) == allowed(policies.can_update)
    assert allowed(policies.can_join, general=True) == allowed(policies.can_join)


@pytest.mark.parametrize("role", ROLES)
def test_creating_and_browsing(role: str) -> None:
    assert policies.can_create(role) == (role != "guest")
    assert policies.can_browse(role) == (role != "guest")


def test_a_refusal_hides_what_cannot_be_seen() -> None:
    hidden = access("owner", "private", is_member=False, archived=False)
    with pytest.raises(NotFoundError):
        policies.require(allowed=False, access=hidden, detail="no")
    seen = access("member", "public", is_member=False, archived=False)
    with pytest.raises(ForbiddenError, match="no"):
        policies.require(allowed=False, access=seen, detail="no")
    with pytest.raises(ForbiddenError, match="archived"):
        policies.require(allowed=False, access=seen._replace(archived=True), detail="no")
