import re

import pytest
from django.test import Client

from apps.workspaces import actions as workspaces

PAGES = ["", "/members", "/invitations", "/channels", "/bots", "/bots/{bot}", "/audit"]
COMMANDS = [
    ("", {"do": "rename", "name": "Stolen"}),
    ("/members", {"do": "role", "id": "{guest}", "role": "member"}),
    ("/members", {"do": "deactivate", "id": "{guest}"}),
    ("/invitations", {"do": "create", "role": "member", "expires_in": "3600"}),
    ("/channels", {"do": "create", "name": "plans", "kind": "public"}),
    ("/bots", {"do": "create", "name": "Echo", "scopes": ["messages:read"]}),
    ("/bots/{bot}", {"do": "issue", "name": "more", "scopes": ["messages:read"]}),
    ("/bots/{bot}", {"do": "remove"}),
]


@pytest.fixture
def bot(team):
    member, _, _ = workspaces.create_bot(
        actor=team.actor("owner"), workspace_id=team.id, name="Helper", scopes=["messages:read"]
    )
    team.forget()
    return member


@pytest.fixture
def path(team, bot):
    return lambda page: f"/console/{team.id}" + page.format(bot=bot.user_id)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("admin", 200), ("member", 404), ("guest", 404), ("stranger", 404)]
)
def test_pages_by_role(enter, team, make_user, path, who, status, page):
    if who == "stranger":
        team.users["stranger"] = make_user("The Stranger")
    answer = enter(who).get(path(page))
    assert answer.status_code == status
    assert (b"console-nav" in answer.content) == (status == 200)


@pytest.mark.parametrize("page", PAGES)
def test_signed_out_is_led_through_the_sign_in(team, path, page):
    answer = Client().get(path(page) + "?q=x")
    assert answer.status_code == 302
    assert answer["Location"] == "/signin?next=" + path(page).replace("/", "%2F") + "%3Fq%3Dx"


@pytest.mark.parametrize(("page", "body"), COMMANDS)
@pytest.mark.parametrize("who", ["member", "guest", None])
def test_commands_of_others_change_nothing(enter, team, path, who, page, body):
    sent = {key: value.format(guest=team.user_id("guest")) if key == "id" else value for key, value in body.items()}
    answer = (enter(who) if who else Client()).post(path(page), sent)
    assert answer.status_code == (404 if who else 302)
    assert team.unchanged()


@pytest.mark.parametrize(("page", "body"), COMMANDS)
def test_commands_need_the_csrf_token(enter, team, path, page, body):
    browser = enter("owner")
    browser.handler.enforce_csrf_checks = True
    sent = {key: value.format(guest=team.user_id("guest")) if key == "id" else value for key, value in body.items()}
    assert browser.post(path(page), sent).status_code == 403
    assert team.unchanged()


def test_an_admin_who_was_demoted_or_deactivated_is_out_at_once(enter, team):
    browser = enter("admin")
    assert browser.get(f"/console/{team.id}").status_code == 200
    workspaces.change_role(
        actor=team.actor("owner"), workspace_id=team.id, user_id=team.user_id("admin"), role="member"
    )
    assert browser.get(f"/console/{team.id}").status_code == 404


@pytest.mark.parametrize("where", ["/console/1", "/console/99999999999999999999", "/console/x", "/console"])
def test_no_such_workspace(owner, where):
    assert owner.get(where).status_code == 404


def test_the_audit_log_takes_no_posts(owner, team):
    assert owner.post(f"/console/{team.id}/audit", {"do": "rename"}).status_code == 405


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_strict_and_lead_the_way(owner, path, page):
    answer = owner.get(path(page))
    html = answer.content.decode()
    assert "'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", html)
    assert not re.search(r"{[{%]", html)
    assert html.count("<h1>") == 1
    assert html.count('aria-current="page"') == 1
    assert 'href="#main"' in html
    assert 'id="main"' in html
    labelled = set(re.findall(r'<label[^>]*\bfor="([^"]+)"', html))
    fields = re.findall(r'<(?:input|select)\b(?![^>]*type="hidden")[^>]*\bid="([^"]+)"', html)
    assert set(fields) <= labelled
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
