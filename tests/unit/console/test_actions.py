import re

import pytest
from django.core import mail

from apps.accounts import queries as accounts
from apps.accounts.principal import Principal
from apps.conversations import actions as conversations
from apps.conversations.models import Channel
from apps.core.errors import UnauthenticatedError
from apps.workspaces import actions as workspaces
from apps.workspaces import queries as workspace_queries
from apps.workspaces.models import Invitation, Member

SCRIPT = '"><script>alert(1)</script>'


@pytest.fixture
def at(team):
    return lambda page: f"/console/{team.id}{page}"


@pytest.fixture
def bot(team):
    member, _, _ = workspaces.create_bot(
        actor=team.actor("owner"), workspace_id=team.id, name="Helper", scopes=["messages:read"]
    )
    team.forget()
    return member


def secret_in(html: str) -> str:
    (found,) = re.findall(r'id="secret-value"[^>]*value="([^"]+)"', html)
    return str(found)


def page(answer, status=200):
    assert answer.status_code == status, answer.content.decode()[:3000]
    return answer.content.decode()


def row(html: str, row_id: object) -> str:
    (found,) = re.findall(rf'<tr id="row-{row_id}".*?</tr>', html, re.DOTALL)
    return str(found)


# -- overview


def test_rename(owner, team, at):
    answer = owner.post(at(""), {"do": "rename", "name": "  New   Name "}, follow=True)
    assert answer.redirect_chain == [(at(""), 302)]
    assert "is called New   Name now." in page(answer)
    assert team.audit() == [("workspace.renamed", "")]
    assert "is called" not in page(owner.get(at("")))


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\0b", "a\u202eb", "\u200b"])
def test_a_bad_name_is_told_at_its_field(owner, team, at, name):
    html = page(owner.post(at(""), {"do": "rename", "name": name}), 400)
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert "Invalid input" not in html
    assert team.unchanged()


def test_who_may_add_emoji_and_make_groups(owner, team, at):
    html = page(owner.get(at("")))
    assert re.findall(r'<option value="(\w+)" selected>', html) == ["members", "admins"]
    asked = {"do": "policies", "emoji_by": "admins", "groups_by": "members"}
    html = page(owner.post(at(""), asked, follow=True))
    assert re.findall(r'<option value="(\w+)" selected>', html) == ["admins", "members"]
    workspace = workspace_queries.membership(team.id, team.user_id("owner")).workspace
    assert (workspace.emoji_by, workspace.groups_by) == ("admins", "members")
    assert team.audit() == [("workspace.policies_changed", "")]


@pytest.mark.parametrize("wrong", [{"emoji_by": "nobody"}, {"groups_by": ""}])
def test_a_wrong_choice_of_who_may_is_told_at_its_field(owner, team, at, wrong):
    asked = {"do": "policies", "emoji_by": "admins", "groups_by": "members"} | wrong
    html = page(owner.post(at(""), asked), 400)
    (field,) = wrong
    assert f'id="id_{field}_error"' in html
    assert team.unchanged()


def test_counts(owner, team, at, bot):
    workspaces.deactivate_member(actor=team.actor("owner"), workspace_id=team.id, user_id=team.user_id("guest"))
    workspaces.create_invite(actor=team.actor("owner"), workspace_id=team.id)
    public = conversations.create_channel(actor=team.actor("owner"), workspace_id=team.id, name="one")
    conversations.create_channel(actor=team.actor("member"), workspace_id=team.id, name="two", kind="private")
    conversations.archive_channel(actor=team.actor("owner"), channel_id=public.pk)
    numbers = re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", page(owner.get(at(""))))
    assert dict(numbers) == {
        "People": "3",
        "Public channels": "0",
        "Bots": "1",
        "Open invitations": "1",
        "Deactivated": "1",
    }


# -- members


def test_change_a_role(owner, team, at):
    body = {"do": "role", "id": str(team.user_id("member")), "role": "admin"}
    answer = owner.post(at("/members?q=the"), body, follow=True)
    assert answer.redirect_chain == [(at("/members?q=the"), 302)]
    assert "The Member is an admin now." in page(answer)
    assert team.member("member").role == "admin"


def test_deactivate_and_reactivate(admin, team, at):
    who = str(team.user_id("guest"))
    html = page(admin.post(at("/members"), {"do": "deactivate", "id": who}, follow=True))
    assert "The Guest is deactivated." in html
    assert "Reactivate" in row(html, who)
    assert not team.member("guest").active
    html = page(admin.post(at("/members"), {"do": "reactivate", "id": who}, follow=True))
    assert "The Guest is back." in html
    assert team.member("guest").active


@pytest.mark.parametrize("body", [{"do": "role", "role": "admin"}, {"do": "deactivate"}])
def test_the_last_owner_stays_and_the_row_says_so(owner, team, at, body):
    who = str(team.user_id("owner"))
    html = page(owner.post(at("/members"), body | {"id": who}), 409)
    assert "keeps at least one owner" in row(html, who)
    assert html.count('role="alert"') == 1
    assert team.member("owner").role == "owner"
    assert team.unchanged()


@pytest.mark.parametrize(
    ("target", "body", "status", "said"),
    [
        ("owner", {"do": "role", "role": "member"}, 403, "Your role does not allow this."),
        ("owner", {"do": "deactivate"}, 403, "Your role does not allow this."),
        ("member", {"do": "role", "role": "owner"}, 403, "Your role does not allow this."),
        ("member", {"do": "role", "role": "king"}, 400, "One of owner, admin, member, guest."),
        ("member", {"do": "role"}, 400, "One of owner, admin, member, guest."),
    ],
)
def test_what_an_admin_may_not_do_to_members(admin, team, at, target, body, status, said):
    who = str(team.user_id(target))
    assert said in row(page(admin.post(at("/members"), body | {"id": who}), status), who)
    assert team.unchanged()


def test_an_admin_is_offered_only_what_is_allowed(admin, team, at):
    html = page(admin.get(at("/members")))
    assert "<form" not in row(html, team.user_id("owner"))
    assert 'value="owner"' not in html
    assert 'value="admin"' in row(html, team.user_id("member"))


@pytest.mark.parametrize("who", ["", "0", "x", "-1", "９", "99999999999999999999", "1" * 5000, "1"])
def test_a_row_that_is_none(owner, team, at, who):
    html = page(owner.post(at("/members"), {"do": "deactivate", "id": who}), 404)
    assert "It is not here any more." in html
    assert team.unchanged()


def test_giving_up_ones_own_role_leaves_the_console(admin, team, at):
    answer = admin.post(at("/members"), {"do": "role", "id": str(team.user_id("admin")), "role": "member"})
    assert answer["Location"] == f"/w/{team.id}"
    assert admin.get(at("/members")).status_code == 404


def test_people_of_another_workspace_are_out_of_reach(owner, team, make_user, at):
    other = make_user("Other Boss")
    theirs = workspaces.create_workspace(actor=Principal(user_id=other.pk), name="Theirs")
    team.forget()
    assert owner.post(at("/members"), {"do": "deactivate", "id": str(other.pk)}).status_code == 404
    assert Member.objects.get(pk=theirs.pk).active
    assert team.unchanged()


def test_a_removed_bot_does_not_come_back(owner, team, at, bot):
    workspaces.remove_bot(actor=team.actor("owner"), workspace_id=team.id, user_id=bot.user_id)
    team.forget()
    assert "<form" not in row(page(owner.get(at("/members"))), bot.user_id)
    html = page(owner.post(at("/members"), {"do": "reactivate", "id": str(bot.user_id)}), 409)
    assert "closed for good" in row(html, bot.user_id)
    assert team.unchanged()


def test_search_and_pages_of_members(owner, team, at, monkeypatch):
    monkeypatch.setattr("apps.console.views.PAGE_SIZE", 2)
    seen = []
    url = at("/members?q=the")
    for _ in range(2):
        html = page(owner.get(url))
        seen += re.findall(r'class="name">([^<]+)<', html)
        following = re.findall(r'href="([^"]+)" rel="next"', html)
        url = at("/members") + following[0].replace("&amp;", "&") if following else ""
    assert seen == ["The Admin", "The Guest", "The Member", "The Owner"]
    assert url == ""
    assert ">First page</a>" in html
    assert f'href="{at("/members")}?q=the"' in html
    assert "Nobody found" in page(owner.get(at("/members?q=nobody")))


@pytest.mark.parametrize("section", ["/members", "/invitations", "/channels", "/bots", "/audit"])
@pytest.mark.parametrize("cursor", ["x", "WyJcdTAwMDAiLDFd", "e30", "W10", "a" * 5000, "\0", "é"])
def test_a_broken_cursor_begins_anew_and_says_so(owner, at, section, cursor):
    html = page(owner.get(at(section), {"cursor": cursor}), 400)
    assert "This link to a page of the list is broken." in html


@pytest.mark.parametrize("q", ["\0", "%", "'", "x" * 10_000, SCRIPT, "#", "@", "\ud83d"])
@pytest.mark.parametrize("section", ["/members", "/channels"])
def test_any_search_is_answered(owner, at, section, q):
    html = page(owner.get(at(section), {"q": q.encode("utf-8", "surrogatepass")}))
    assert "<script>alert" not in html


@pytest.mark.parametrize("section", ["", "/members", "/invitations", "/channels", "/bots"])
@pytest.mark.parametrize("do", ["", "nothing", "__init__", "\0"])
def test_an_unknown_command(owner, team, at, section, do):
    assert "could not be understood" in page(owner.post(at(section), {"do": do}), 400)
    assert team.unchanged()


# -- invitations


def test_a_link_is_shown_once(owner, team, at):
    answer = owner.post(at("/invitations"), {"do": "create", "role": "guest", "expires_in": "86400", "max_uses": "3"})
    assert (answer.status_code, answer["Location"]) == (302, at("/invitations#secret"))
    cookie = answer.cookies["console_once"]
    assert cookie["httponly"]
    assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == (at("/invitations"), "Strict", 120)
    url = secret_in(page(owner.get(at("/invitations"))))
    made = Invitation.objects.get()
    assert (made.role, made.max_uses, made.email) == ("guest", 3, None)
    assert 86_300 < (made.expires_at - made.created_at).total_seconds() <= 86_400
    preview = workspace_queries.preview(url.rpartition("/")[2])
    assert preview.invitation == made
    again = page(owner.get(at("/invitations")))
    assert url not in again
    assert "secret-value" not in again


def test_a_link_is_shown_to_nobody_else(owner, enter, team, at):
    answer = owner.post(at("/invitations"), {"do": "create", "role": "member", "expires_in": "3600"})
    admin = enter("admin")
    admin.cookies["console_once"] = answer.cookies["console_once"].value
    assert "secret-value" not in page(admin.get(at("/invitations")))
    owner.cookies["console_once"] = "forged"
    assert "secret-value" not in page(owner.get(at("/invitations")))


def test_by_mail(owner, team, at, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        owner.post(
            at("/invitations"),
            {"do": "create", "email": " Eve@Example.com", "role": "member", "expires_in": "3600", "max_uses": "9"},
        )
    html = page(owner.get(at("/invitations")))
    assert "A letter to eve@example.com is on its way." in html
    assert secret_in(html) in str(mail.outbox[0].body)
    assert Invitation.objects.get().max_uses == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "a" * 300 + "@example.com"}, "email"),
        ({"role": "king"}, "role"),
        ({"role": ""}, "role"),
        ({"expires_in": "1"}, "expires_in"),
        ({"expires_in": "soon"}, "expires_in"),
        ({"max_uses": "0"}, "max_uses"),
        ({"max_uses": "10001"}, "max_uses"),
        ({"max_uses": "9" * 50}, "max_uses"),
        ({"max_uses": "many"}, "max_uses"),
    ],
)
def test_bad_invitations(owner, team, at, change, field):
    body = {"do": "create", "role": "member", "expires_in": "3600"} | change
    html = page(owner.post(at("/invitations"), body), 400)
    assert f'id="id_{field}_error"' in html
    assert not Invitation.objects.exists()
    assert team.unchanged()


def test_an_admin_invites_no_owner(admin, team, at):
    body = {"do": "create", "role": "owner", "expires_in": "3600"}
    assert 'id="id_role_error"' in page(admin.post(at("/invitations"), body), 400)
    assert 'value="owner"' not in page(admin.get(at("/invitations")))
    assert team.unchanged()


def test_who_is_here_already(owner, team, at):
    body = {"do": "create", "email": team.users["guest"].email, "role": "member", "expires_in": "3600"}
    assert "is a member already" in page(owner.post(at("/invitations"), body), 409)
    assert team.unchanged()


def test_a_limit_is_told_with_the_time_to_wait(owner, team, at, monkeypatch):
    from apps.accounts import limits

    monkeypatch.setattr(
        "apps.workspaces.actions.invitations.MAIL_LIMIT", limits.Limit("invite-mail", burst=1, per_minute=1)
    )
    body = {"do": "create", "role": "member", "expires_in": "3600"}
    assert owner.post(at("/invitations"), body | {"email": "a@example.com"}).status_code == 302
    answer = owner.post(at("/invitations"), body | {"email": "b@example.com"})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1


def test_revoke(admin, team, at):
    made = workspaces.create_invite(actor=team.actor("member"), workspace_id=team.id)
    html = page(admin.get(at("/invitations")))
    assert "The Member" in row(html, made.invitation.pk)
    html = page(admin.post(at("/invitations"), {"do": "revoke", "id": str(made.invitation.pk)}, follow=True))
    assert "The invitation is revoked." in html
    assert "No open invitations" in html
    team.forget()
    assert admin.post(at("/invitations"), {"do": "revoke", "id": str(made.invitation.pk)}).status_code == 404
    assert team.unchanged()


def test_pages_of_invitations(owner, team, at, monkeypatch):
    monkeypatch.setattr("apps.console.views.PAGE_SIZE", 2)
    for uses in (1, 2, 3):
        workspaces.create_invite(actor=team.actor("owner"), workspace_id=team.id, max_uses=uses)
    first = page(owner.get(at("/invitations")))
    assert re.findall(r"0 of (\d)", first) == ["3", "2"]
    (following,) = re.findall(r'href="([^"]+)" rel="next"', first)
    assert re.findall(r"0 of (\d)", page(owner.get(at("/invitations") + following))) == ["1"]


# -- channels


def test_create_archive_unarchive(owner, team, at):
    body = {"do": "create", "name": "#Plans", "kind": "private", "purpose": "What is next"}
    html = page(owner.post(at("/channels"), body, follow=True))
    assert "#plans is there" in html
    channel = Channel.objects.get(name="plans")
    assert (channel.kind, channel.purpose, channel.member_count) == ("private", "What is next", 1)
    html = page(owner.post(at("/channels"), {"do": "archive", "id": str(channel.pk)}, follow=True))
    assert "#plans is archived." in html
    assert "Unarchive" in row(html, channel.pk)
    html = page(owner.post(at("/channels"), {"do": "unarchive", "id": str(channel.pk)}, follow=True))
    assert "#plans is open again." in html
    channel.refresh_from_db()
    assert channel.archived_at is None


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"name": "two words"}, 400, "name"),
        ({"name": ""}, 400, "name"),
        ({"name": SCRIPT}, 400, "name"),
        ({"name": "x" * 81}, 400, "name"),
        ({"name": "taken"}, 409, "name"),
        ({"kind": "dm"}, 400, "kind"),
        ({"purpose": "x" * 251}, 400, "purpose"),
        ({"purpose": "a\u0007b"}, 400, "purpose"),
    ],
)
def test_bad_channels(owner, team, at, change, status, field):
    conversations.create_channel(actor=team.actor("owner"), workspace_id=team.id, name="taken")
    team.forget()
    body = {"do": "create", "name": "fine", "kind": "public", "purpose": ""} | change
    html = page(owner.post(at("/channels"), body), status)
    assert f'id="id_{field}_error"' in html
    assert "<script>alert" not in html
    if status == 409:
        assert "There is a channel #taken already." in html
    assert Channel.objects.count() == 1
    assert team.unchanged()


def test_the_general_channel_stays(owner, team, at):
    conversations.create_default_channels(actor=team.actor("owner"), workspace_id=team.id)
    general = Channel.objects.get(is_general=True)
    team.forget()
    assert "<form" not in row(page(owner.get(at("/channels"))), general.pk)
    html = page(owner.post(at("/channels"), {"do": "archive", "id": str(general.pk)}), 403)
    assert "be archived" in row(html, general.pk)
    assert team.unchanged()


def test_private_channels_of_others_do_not_exist_here(owner, team, at):
    secret = conversations.create_channel(
        actor=team.actor("member"), workspace_id=team.id, name="hushhush", kind="private"
    )
    team.forget()
    assert "hushhush" not in page(owner.get(at("/channels")))
    assert "hushhush" not in page(owner.post(at("/channels"), {"do": "archive", "id": str(secret.pk)}), 404)
    assert team.unchanged()


def test_channels_of_ones_other_workspaces_and_direct_ones_are_not_archived_from_here(owner, team, at):
    other = workspaces.create_workspace(actor=team.actor("owner"), name="Other")
    theirs = conversations.create_channel(actor=team.actor("owner"), workspace_id=other.workspace_id, name="elsewhere")
    direct, _ = conversations.open_dm(actor=team.actor("owner"), workspace_id=team.id, user_ids=[team.user_id("admin")])
    team.forget()
    for channel in (theirs, direct):
        assert owner.post(at("/channels"), {"do": "archive", "id": str(channel.pk)}).status_code == 404
    assert team.unchanged()


def test_search_and_pages_of_channels(owner, team, at, monkeypatch):
    assert "No channels yet" in page(owner.get(at("/channels")))
    monkeypatch.setattr("apps.console.views.PAGE_SIZE", 2)
    for name in ("dev-a", "dev-b", "dev-c", "other"):
        conversations.create_channel(actor=team.actor("owner"), workspace_id=team.id, name=name)
    first = page(owner.get(at("/channels?q=dev")))
    assert re.findall(r'class="name">#([^<]+)<', first) == ["dev-a", "dev-b"]
    (following,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = page(owner.get(at("/channels") + following.replace("&amp;", "&")))
    assert re.findall(r'class="name">#([^<]+)<', second) == ["dev-c"]
    assert "No channel found" in page(owner.get(at("/channels?q=zzz")))


# -- bots


def test_a_bot_and_its_secret_shown_once(owner, team, at):
    assert "No bots yet" in page(owner.get(at("/bots")))
    answer = owner.post(at("/bots"), {"do": "create", "name": "Echo", "scopes": ["messages:read", "channels:read"]})
    bot = Member.objects.select_related("user").get(user__is_bot=True)
    where = at(f"/bots/{bot.user_id}")
    assert answer["Location"] == f"{where}#secret"
    html = page(owner.get(where))
    assert "Echo is a member now, as @echo." in html
    principal = accounts.authenticate_token(secret_in(html))
    assert (principal.user_id, principal.scopes) == (bot.user_id, frozenset({"messages:read", "channels:read"}))
    again = page(owner.get(where))
    assert "secret-value" not in again
    assert secret_in(html) not in again
    assert "Echo" in page(owner.get(at("/bots")))


def test_a_secret_is_not_spent_on_a_head_request(owner, team, at, bot):
    where = at(f"/bots/{bot.user_id}")
    owner.post(where, {"do": "issue", "name": "second", "scopes": ["messages:read"]})
    owner.head(where)
    assert secret_in(page(owner.get(where))).startswith("scb_")


@pytest.mark.parametrize(
    ("change", "field"),
    [({"name": ""}, "name"), ({"name": "x" * 81}, "name"), ({"scopes": []}, "scopes"), ({"scopes": ["all"]}, "scopes")],
)
@pytest.mark.parametrize("form", ["bot", "token"])
def test_bad_bots_and_tokens(owner, team, at, bot, change, field, form):
    where, do = (at("/bots"), "create") if form == "bot" else (at(f"/bots/{bot.user_id}"), "issue")
    html = page(owner.post(where, {"do": do, "name": "Echo", "scopes": ["messages:read"]} | change), 400)
    assert f'id="id_{field}_error"' in html
    assert Member.objects.filter(user__is_bot=True).count() == 1
    assert len(accounts.bot_tokens(bot.user_id)) == 1
    assert team.unchanged()


def test_issue_and_revoke_tokens(owner, team, at, bot):
    where = at(f"/bots/{bot.user_id}")
    owner.post(where, {"do": "issue", "name": "second", "scopes": ["messages:write"]})
    html = page(owner.get(where))
    secret = secret_in(html)
    token = accounts.bot_tokens(bot.user_id)[1]
    assert "second" in row(html, token.pk)
    assert "never" in row(html, token.pk)
    html = page(owner.post(where, {"do": "revoke", "id": str(token.pk)}, follow=True))
    assert "is revoked" in html
    with pytest.raises(UnauthenticatedError):
        accounts.authenticate_token(secret)
    team.forget()
    assert owner.post(where, {"do": "revoke", "id": str(token.pk)}).status_code == 404
    assert team.unchanged()


def test_too_many_tokens(owner, team, at, bot, monkeypatch):
    monkeypatch.setattr("apps.accounts.actions.bots.MAX_TOKENS", 1)
    body = {"do": "issue", "name": "second", "scopes": ["messages:read"]}
    assert "at most 1 tokens" in page(owner.post(at(f"/bots/{bot.user_id}"), body), 409)
    assert team.unchanged()


def test_remove_a_bot(owner, team, at, bot):
    where = at(f"/bots/{bot.user_id}")
    answer = owner.post(where, {"do": "remove"}, follow=True)
    assert answer.redirect_chain == [(at("/bots"), 302)]
    assert "The bot Helper is removed." in page(answer)
    assert owner.get(where).status_code == 404
    team.forget()
    assert owner.post(where, {"do": "remove"}).status_code == 404
    assert team.unchanged()


def test_a_person_is_no_bot(owner, team, at):
    where = at(f"/bots/{team.user_id('member')}")
    assert owner.get(where).status_code == 404
    for body in ({"do": "remove"}, {"do": "issue", "name": "x", "scopes": ["messages:read"]}):
        assert owner.post(where, body).status_code == 404
    assert team.unchanged()


def test_pages_of_bots(owner, team, at, monkeypatch):
    monkeypatch.setattr("apps.console.views.PAGE_SIZE", 2)
    for name in ("Ay", "Bee", "Cee"):
        workspaces.create_bot(actor=team.actor("owner"), workspace_id=team.id, name=name, scopes=["messages:read"])
    first = page(owner.get(at("/bots")))
    assert re.findall(r'class="name">([^<]+)<', first) == ["Ay", "Bee"]
    (following,) = re.findall(r'href="([^"]+)" rel="next"', first)
    assert re.findall(r'class="name">([^<]+)<', page(owner.get(at("/bots") + following))) == ["Cee"]


# -- what people typed


def test_names_are_text_everywhere(owner, team, make_user, at):
    evil = make_user(SCRIPT, "evil@example.com")
    invite = workspaces.create_invite(actor=team.actor("owner"), workspace_id=team.id)
    workspaces.accept_invite(actor=Principal(user_id=evil.pk), code=invite.code)
    bot, _, _ = workspaces.create_bot(
        actor=team.actor("owner"), workspace_id=team.id, name=SCRIPT, scopes=["messages:read"]
    )
    conversations.create_channel(actor=team.actor("owner"), workspace_id=team.id, name="x", purpose=SCRIPT)
    workspaces.change_role(actor=team.actor("owner"), workspace_id=team.id, user_id=evil.pk, role="admin")
    workspaces.create_invite(actor=Principal(user_id=evil.pk), workspace_id=team.id)
    workspaces.rename_workspace(actor=team.actor("owner"), workspace_id=team.id, name=SCRIPT)
    for section in ("", "/members", "/invitations", "/channels", "/bots", f"/bots/{bot.user_id}", "/audit"):
        html = page(owner.get(at(section)))
        assert "<script>alert" not in html, section
        assert "&lt;script&gt;alert" in html, section
    html = page(owner.post(at("/members"), {"do": "deactivate", "id": str(evil.pk)}, follow=True))
    assert "<script>alert" not in html
    html = page(owner.post(at("/invitations"), {"do": "create", "email": SCRIPT, "role": SCRIPT}), 400)
    assert "<script>alert" not in html
    html = page(owner.post(at("/members"), {"do": SCRIPT, "id": SCRIPT}), 400)
    assert "<script>alert" not in html
