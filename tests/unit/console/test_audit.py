import ast
import re
from pathlib import Path

import pytest
from django.db import transaction

from apps.console.sentences import SENTENCES, sentence
from apps.workspaces import actions as workspaces
from apps.workspaces import audit

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("action", "detail", "said"),
    [
        ("workspace.created", {"name": "Acme"}, "created the workspace “Acme”"),
        ("workspace.renamed", {"old": "A", "new": "B"}, "renamed the workspace from “A” to “B”"),
        ("member.joined", {"role": "guest"}, "joined by invitation as guest"),
        ("member.role_changed", {"old": "member", "new": "admin"}, "changed the role of Bob from member to admin"),
        ("member.handle_changed", {"old": "b", "new": "bob"}, "changed the handle of Bob from @b to @bob"),
        ("member.deactivated", {}, "deactivated Bob"),
        ("member.reactivated", {}, "reactivated Bob"),
        ("invitation.created", {"email": "a@b.c", "role": "member", "max_uses": 1}, "invited a@b.c as member"),
        (
            "invitation.created",
            {"email": None, "role": "guest", "max_uses": 1},
            "made an invitation link for the role guest, good for 1 use",
        ),
        ("invitation.revoked", {}, "revoked an invitation"),
        ("bot.created", {"name": "Bob", "scopes": ["a", "b"]}, "created the bot Bob with a, b"),
        (
            "bot.token_issued",
            {"token": "scb_1", "name": "ci", "scopes": ["a"]},
            "issued the token “ci” (scb_1…) of Bob with a",
        ),
        ("bot.token_revoked", {"token": "scb_1", "name": "ci"}, "revoked the token “ci” (scb_1…) of Bob"),
        ("bot.removed", {}, "removed the bot Bob"),
        ("channel.created", {"name": "tea"}, "created #tea"),
        ("channel.created", {"name": None}, "created a private channel"),
        ("channel.renamed", {"old": "tea", "name": "coffee"}, "renamed #tea to #coffee"),
        ("channel.renamed", {"old": None, "name": None}, "renamed a private channel"),
        ("channel.archived", {"name": "tea"}, "archived #tea"),
        ("channel.unarchived", {"name": "tea"}, "brought #tea back"),
        ("channel.members_added", {"name": "tea", "count": 1}, "added 1 person to #tea"),
        ("channel.members_added", {"name": None, "count": 3}, "added 3 people to a private channel"),
        ("channel.member_removed", {"name": "tea"}, "removed Bob from #tea"),
        ("thing.done", {}, "thing.done Bob"),
    ],
)  # fmt: skip
def test_sentences(action, detail, said):
    assert sentence(action, detail, target="Bob") == said


@pytest.mark.parametrize("action", SENTENCES)
def test_a_detail_that_lacks_everything_is_still_a_sentence(action):
    assert sentence(action, {}, target="Bob")


def test_every_action_that_is_recorded_has_a_sentence():
    found = set()
    for path in (ROOT / "apps").glob("*/actions/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and re.search(r"audit(ed|\.record)$", ast.unparse(node.func)):
                texts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z]+\.[a-z_]+", text)}
    assert len(found) >= 10
    assert found <= set(SENTENCES)


def test_the_page_names_people(owner, team):
    workspaces.change_role(
        actor=team.actor("owner"), workspace_id=team.id, user_id=team.user_id("member"), role="guest"
    )
    html = owner.get(f"/console/{team.id}/audit").content.decode()
    assert "<strong>The Owner</strong> changed the role of The Member from member to guest." in html


@pytest.mark.parametrize("target", ["member:1", "member:", "member:x", "channel:7", ""])
def test_entries_of_nobody_about_nothing_known(owner, team, target):
    with transaction.atomic():
        audit.record(workspace_id=team.id, actor_id=None, action="member.deactivated", target=target)
    html = owner.get(f"/console/{team.id}/audit").content.decode()
    assert "<strong>slackclone</strong> deactivated" in html


def test_pages(owner, team, monkeypatch):
    monkeypatch.setattr("apps.console.views.PAGE_SIZE", 2)
    where = f"/console/{team.id}/audit"
    assert b"Nothing yet" in owner.get(where).content
    for name in ("One", "Two", "Three"):
        workspaces.rename_workspace(actor=team.actor("owner"), workspace_id=team.id, name=name)
    first = owner.get(where).content.decode()
    assert re.findall(r"to “(\w+)”", first) == ["Three", "Two"]
    (following,) = re.findall(r'href="([^"]+)" rel="next"', first)
    assert re.findall(r"to “(\w+)”", owner.get(where + following).content.decode()) == ["One"]
