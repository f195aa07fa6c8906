from typing import Any

import pytest

from apps.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from apps.messaging import markdown
from apps.workspaces import actions, queries
from apps.workspaces.models import Group, GroupMember
from tests.unit.workspaces.fixtures import Team, events


def crew(team: Team, *roles: str) -> Group:
    return actions.create_group(
        actor=team.actor("admin"),
        workspace_id=team.id,
        handle="@Crew",
        name="The crew",
        user_ids=[team.user_id(role) for role in roles],
    )


def test_a_group_is_made_and_the_workspace_is_told(team: Team) -> None:
    group = crew(team, "member", "guest")
    ids = sorted([team.user_id("member"), team.user_id("guest")])
    ((stream, kind, body),) = events()
    assert (stream, kind) == (f"w:{team.id}", "group.changed")
    seen = queries.visible_group(actor=team.actor("member"), workspace_id=team.id, group_id=group.pk)
    assert (seen["handle"], seen["member_count"], seen["mine"]) == ("crew", 2, True)
    assert body == {key: value for key, value in seen.items() if key != "mine"} | {
        "workspace_id": str(team.id),
        "added": [str(user_id) for user_id in ids],
        "removed": [],
    }
    assert team.audit() == [("group.created", "@crew")]
    assert queries.in_groups([group.pk]) == set(ids)
    assert queries.named(team.id, ["CREW", "the.owner", "nobody"]) == (
        {"the.owner": team.user_id("owner")},
        {"crew": group.pk},
    )
    page = queries.visible_groups(actor=team.actor("owner"), workspace_id=team.id)
    assert [(one["handle"], one["member_count"], one["mine"]) for one in page.results] == [("crew", 2, False)]
    people = queries.people_of_group(actor=team.actor("owner"), workspace_id=team.id, group_id=group.pk)
    assert sorted(row.user_id for row in people.results) == ids


def test_people_come_and_go_and_an_archived_group_names_nobody(team: Team) -> None:
    group = crew(team, "member")
    where: dict[str, Any] = {"workspace_id": team.id, "group_id": group.pk}
    team.forget()
    both = [team.user_id("member"), team.user_id("owner")]
    actions.add_to_group(actor=team.actor("admin"), user_ids=both, **where)
    actions.add_to_group(actor=team.actor("admin"), user_ids=both, **where)
    actions.remove_from_group(actor=team.actor("member"), user_id=team.user_id("member"), **where)
    told = [(body["added"], body["removed"]) for _, _, body in events()]
    assert told == [([str(team.user_id("owner"))], []), ([], [str(team.user_id("member"))])]
    actions.update_group(actor=team.actor("admin"), archived=True, **where)
    assert queries.named(team.id, ["crew"]) == ({}, {})
    actions.update_group(actor=team.actor("admin"), archived=False, handle="band", **where)
    assert queries.named(team.id, ["band"]) == ({}, {"band": group.pk})


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"handle": "here"}, InvalidError),
        ({"handle": "no space"}, InvalidError),
        ({"handle": "crew"}, ConflictError),
        ({"handle": "the.member"}, ConflictError),
        ({"name": ""}, InvalidError),
        ({"user_ids": [1]}, InvalidError),
        ({"user_ids": range(501)}, InvalidError),
    ],
)
def test_what_is_refused_changes_nothing(team: Team, values: dict[str, object], error: type[Exception]) -> None:
    crew(team)
    team.forget()
    with pytest.raises(error):
        actions.create_group(
            actor=team.actor("owner"),
            workspace_id=team.id,
            **{"handle": "others", "name": "Others"} | values,  # type: ignore[arg-type]
        )
    assert Group.objects.count() == 1
    assert team.unchanged()


def test_who_may(team: Team, make_user) -> None:
    group = crew(team, "guest")
    where: dict[str, Any] = {"workspace_id": team.id, "group_id": group.pk}
    team.forget()
    member, stranger = team.actor("member"), type(team.actor("member"))(user_id=make_user("Eve").pk)
    for actor, error in ((member, ForbiddenError), (team.actor("guest"), ForbiddenError), (stranger, NotFoundError)):
        for refused in (
            lambda actor=actor: actions.create_group(actor=actor, workspace_id=team.id, handle="x1", name="x"),
            lambda actor=actor: actions.update_group(actor=actor, name="x", **where),
            lambda actor=actor: actions.add_to_group(actor=actor, user_ids=[team.user_id("member")], **where),
            lambda actor=actor: actions.remove_from_group(actor=actor, user_id=team.user_id("owner"), **where),
        ):
            with pytest.raises(error):
                refused()
    for actor, error in ((team.actor("guest"), ForbiddenError), (stranger, NotFoundError)):
        with pytest.raises(error):
            queries.visible_groups(actor=actor, workspace_id=team.id)
    assert team.unchanged()
    assert GroupMember.objects.count() == 1
    actions.change_policies(actor=team.actor("owner"), workspace_id=team.id, groups_by="members")
    assert actions.update_group(actor=member, name="Ours", **where).name == "Ours"


def test_nobody_takes_the_handle_of_a_group(team: Team) -> None:
    crew(team)
    team.forget()
    with pytest.raises(ConflictError):
        actions.change_handle(
            actor=team.actor("member"), workspace_id=team.id, user_id=team.user_id("member"), handle="crew"
        )
    assert team.member("member").handle == "the.member"
    assert team.unchanged()


def test_a_group_is_mentioned_by_its_handle() -> None:
    draft = markdown.draft("hi @crew, @ann and `@crew` @here")
    assert draft is not None
    html, mentions = draft.render({"ann": 7}, {"crew": 9})
    assert [(one.kind, one.handle, one.user_id, one.group_id) for one in mentions] == [
        ("group", "crew", None, "9"),
        ("user", "ann", "7", None),
        ("here", "here", None, None),
    ]
    assert html is not None
    assert '<span class="mention" data-kind="group" data-group-id="9">@crew</span>' in html
    assert html.count("data-group-id") == 1
