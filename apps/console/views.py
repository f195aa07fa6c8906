"""The console of a workspace: pages that need no script, for its owners and admins.

Every change is a POST to the page that shows it: `do` names the command, `id` the row. It ends in a redirect back to
the page, or in the page again with what went wrong where it went wrong.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views import View
from django.views.decorators.cache import never_cache

from apps.accounts import browser
from apps.accounts.principal import Principal
from apps.console import forms, once, policies, queries
from apps.conversations import actions as conversations
from apps.conversations import queries as conversation_queries
from apps.core.errors import AppError, ForbiddenError, InvalidError, NotFoundError
from apps.core.ids import MAX_ID
from apps.core.pagination import Page
from apps.workspaces import actions as workspaces
from apps.workspaces import policies as workspace_policies
from apps.workspaces import queries as workspace_queries

PAGE_SIZE = 50
CURSOR_MAX = 2000  # longer than any that we make
SEARCH_MAX = 80
_GONE = "It is not here any more. The page shows what is."
_ROLES = {"owner": "an owner", "admin": "an admin", "member": "a member", "guest": "a guest"}
T = TypeVar("T")
F = TypeVar("F", bound=forms.ConsoleForm)


class Section(NamedTuple):
    key: str
    path: str
    label: str


SECTIONS = (
    Section("overview", "", "Overview"),
    Section("members", "/members", "Members"),
    Section("invitations", "/invitations", "Invitations"),
    Section("channels", "/channels", "Channels"),
    Section("bots", "/bots", "Bots"),
    Section("audit", "/audit", "Audit log"),
)


@dataclass(frozen=True)
class Refusal:
    """What a command was refused with. `target` is the id of the row that it was about, as it came."""

    do: str
    target: str
    text: str


@dataclass(frozen=True)
class Listing:
    """One page of a list; `first` and `next` are the queries of the links, empty when there is no such page."""

    rows: Any
    first: str
    next: str


@method_decorator(never_cache, name="dispatch")
class ConsoleView(View):
    http_method_names = ["get", "head", "post"]
    section: ClassVar[str]
    template: ClassVar[str]
    commands: ClassVar[Mapping[str, Callable[[Any], HttpResponse]]] = {}

    actor: Principal
    me: workspace_queries.Member
    refusal: Refusal | None = None
    form: forms.ConsoleForm | None = None
    problem: AppError | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        caller = browser.caller(request)
        if caller is None:
            return redirect(f"/signin?{urlencode({'next': request.get_full_path()})}")
        try:
            self.me = workspace_queries.membership(kwargs["workspace_id"], caller.user_id)
        except NotFoundError as error:
            raise Http404 from error
        if not policies.can_enter(self.me.role):
            raise Http404
        self.actor = caller
        try:
            return super().dispatch(request, *args, **kwargs)
        except (NotFoundError, ForbiddenError) as error:  # the right was lost, or the page's thing is gone
            raise Http404 from error

    # -- one request

    def get(self, request: HttpRequest, **kwargs: int) -> HttpResponse:  # noqa: ARG002 - Django's signature
        return self.show()

    def post(self, request: HttpRequest, **kwargs: int) -> HttpResponse:  # noqa: ARG002
        do = request.POST.get("do", "")
        try:
            command = self.commands.get(do)
            if command is None:
                raise InvalidError("The form could not be understood. Try again.", errors={})
            return command(self)
        except AppError as error:
            self.problem = error
            if self.form is not None:
                if not isinstance(error, _AlreadyShownError):
                    self.form.take(error)
            else:
                self.refusal = Refusal(do, request.POST.get("id", ""), _text(error))
        return self.show()

    def show(self) -> HttpResponse:
        content = self.content()
        shown = self.refusal is not None and self.refusal.target in self.row_ids(content)
        base = f"/console/{self.me.workspace_id}"
        context = {
            "me": self.me,
            "workspace": self.me.workspace,
            "base": base,
            "here": self.request.get_full_path(),
            "section": self.section,
            "sections": [(section, f"{base}{section.path}") for section in SECTIONS],
            "refusal": self.refusal,
            "refusal_in_row": shown,
        } | content
        status = 200 if self.problem is None else self.problem.status
        response = render(self.request, self.template, context, status=status)
        if self.problem is not None and self.problem.retry_after is not None:
            response["Retry-After"] = str(max(1, math.ceil(self.problem.retry_after)))
        if context.get("secret"):
            once.forget(response, path=self.request.path)
        return response

    # -- what a page fills in

    def content(self) -> dict[str, Any]:
        raise NotImplementedError

    def row_ids(self, content: Mapping[str, Any]) -> set[str]:  # noqa: ARG002 - pages without rows
        """Of the rows that can show a refusal of their own."""
        return set()

    # -- what commands and pages use

    @property
    def workspace_id(self) -> int:
        return self.me.workspace_id

    @property
    def target(self) -> int:
        """The row's id. Raises NotFoundError."""
        raw = self.request.POST.get("id", "")
        if not (raw.isascii() and raw.isdigit() and len(raw) <= len(str(MAX_ID)) and 0 < int(raw) <= MAX_ID):
            raise NotFoundError
        return int(raw)

    @property
    def search(self) -> str:
        return self.request.GET.get("q", "")[:SEARCH_MAX]

    def filled(self, form: F) -> F:
        """The form with what was sent; what goes wrong from here on is shown in it. Raises InvalidError."""
        self.form = form
        if not form.is_valid():
            raise _AlreadyShownError(errors={})
        return form

    def form_or(self, fresh: F) -> F:
        """The form of this kind that was refused, else `fresh`."""
        return self.form if isinstance(self.form, type(fresh)) else fresh

    def handed(self) -> str | None:
        """The secret that this page is the one to show."""
        return once.received(self.request, user_id=self.actor.user_id) if self.request.method == "GET" else None

    def hand_over(self, secret: str, *, path: str) -> HttpResponse:
        response = redirect(f"{path}#secret")  # not where the form was, which a browser would keep
        once.hand_over(response, secret, path=path, user_id=self.actor.user_id)
        return response

    def back(self, said: str) -> HttpResponse:
        messages.success(self.request, said)
        return redirect(self.request.get_full_path())

    def listing(self, read: Callable[[str | None], Page[T]], **query: str) -> Listing:
        """The page that the request asks for; the first one, with an error, when its cursor is none of ours."""
        cursor = self.request.GET.get("cursor", "")[:CURSOR_MAX]
        try:
            page = read(cursor or None)
        except InvalidError:
            self.problem = InvalidError("This link to a page of the list is broken. Here is its beginning.", errors={})
            self.refusal = Refusal("", "", self.problem.detail)
            cursor, page = "", read(None)
        kept = {name: value for name, value in query.items() if value}
        return Listing(
            page.results,
            first=f"?{urlencode(kept)}" if cursor else "",
            next=f"?{urlencode(kept | {'cursor': page.next_cursor})}" if page.next_cursor else "",
        )


# -- the pages --------------------------------------------------------------------------------------------------------


class OverviewView(ConsoleView):
    section = "overview"
    template = "console/overview.html"

    def content(self) -> dict[str, Any]:
        return {
            "overview": queries.overview(self.workspace_id),
            "form": self.form_or(forms.RenameForm(initial={"name": self.me.workspace.name})),
            "policies": self.form_or(
                forms.PoliciesForm(
                    initial={"emoji_by": self.me.workspace.emoji_by, "groups_by": self.me.workspace.groups_by}
                )
            ),
        }

    def rename(self) -> HttpResponse:
        form = self.filled(forms.RenameForm(self.request.POST))
        me = workspaces.rename_workspace(
            actor=self.actor, workspace_id=self.workspace_id, name=form.cleaned_data["name"]
        )
        return self.back(f"The workspace is called {me.workspace.name} now.")

    def change_policies(self) -> HttpResponse:
        asked = self.filled(forms.PoliciesForm(self.request.POST)).cleaned_data
        workspaces.change_policies(
            actor=self.actor,
            workspace_id=self.workspace_id,
            emoji_by=asked["emoji_by"],
            groups_by=asked["groups_by"],
        )
        return self.back(gettext("Who may do what is changed."))

    commands = {"rename": rename, "policies": change_policies}


class MembersView(ConsoleView):
    section = "members"
    template = "console/members.html"

    def content(self) -> dict[str, Any]:
        listing = self.listing(
            lambda cursor: workspace_queries.members(self.workspace_id, q=self.search, cursor=cursor, limit=PAGE_SIZE),
            q=self.search,
        )
        return {"listing": listing, "rows": [self._row(member) for member in listing.rows], "search": self.search}

    def _row(self, member: workspace_queries.Member) -> dict[str, Any]:
        may = workspace_policies.can_touch(self.me.role, member.role)
        return {
            "member": member,
            "roles": forms.grantable(self.me.role, bot=member.user.is_bot) if may and member.active else [],
            "may": may,
            "closed": not member.user.is_active,
        }

    def row_ids(self, content: Mapping[str, Any]) -> set[str]:
        return {str(row["member"].user_id) for row in content["rows"]}

    def change_role(self) -> HttpResponse:
        member = workspaces.change_role(
            actor=self.actor,
            workspace_id=self.workspace_id,
            user_id=self.target,
            role=self.request.POST.get("role", ""),
        )
        said = f"{member.user.name} is {_ROLES[member.role]} now."
        if member.user_id == self.actor.user_id and not policies.can_enter(member.role):
            return redirect(f"/w/{self.workspace_id}")  # the console is closed to who gave up their role
        return self.back(said)

    def deactivate(self) -> HttpResponse:
        member = workspaces.deactivate_member(actor=self.actor, workspace_id=self.workspace_id, user_id=self.target)
        if member.user_id == self.actor.user_id:
            return redirect("/")
        return self.back(f"{member.user.name} is deactivated.")

    def reactivate(self) -> HttpResponse:
        member = workspaces.reactivate_member(actor=self.actor, workspace_id=self.workspace_id, user_id=self.target)
        return self.back(f"{member.user.name} is back.")

    commands = {"role": change_role, "deactivate": deactivate, "reactivate": reactivate}


class InvitationsView(ConsoleView):
    section = "invitations"
    template = "console/invitations.html"

    def content(self) -> dict[str, Any]:
        listing = self.listing(
            lambda cursor: queries.invitations(
                actor=self.actor, workspace_id=self.workspace_id, cursor=cursor, limit=PAGE_SIZE
            )
        )
        return {
            "listing": listing,
            "form": self.form_or(forms.InviteForm(role=self.me.role)),
            "secret": self.handed(),
        }

    def row_ids(self, content: Mapping[str, Any]) -> set[str]:
        return {str(line.invitation.pk) for line in content["listing"].rows}

    def create(self) -> HttpResponse:
        asked = self.filled(forms.InviteForm(self.request.POST, role=self.me.role)).cleaned_data
        made = workspaces.create_invite(
            actor=self.actor,
            workspace_id=self.workspace_id,
            email=asked["email"] or None,
            role=asked["role"],
            max_uses=asked["max_uses"],
            expires_in=asked["expires_in"],
        )
        if made.invitation.email:
            messages.success(self.request, f"A letter to {made.invitation.email} is on its way.")
        return self.hand_over(made.url, path=self.request.path)

    def revoke(self) -> HttpResponse:
        workspaces.revoke_invite(actor=self.actor, workspace_id=self.workspace_id, invitation_id=self.target)
        return self.back("The invitation is revoked.")

    commands = {"create": create, "revoke": revoke}


class ChannelsView(ConsoleView):
    section = "channels"
    template = "console/channels.html"

    def content(self) -> dict[str, Any]:
        listing = self.listing(
            lambda cursor: conversation_queries.manageable_channels(
                actor=self.actor,
                workspace_id=self.workspace_id,
                search=self.search,
                cursor=cursor,
                limit=PAGE_SIZE,
            ),
            q=self.search,
        )
        return {"listing": listing, "search": self.search, "form": self.form_or(forms.ChannelForm())}

    def row_ids(self, content: Mapping[str, Any]) -> set[str]:
        return {str(channel.pk) for channel in content["listing"].rows}

    def create(self) -> HttpResponse:
        asked = self.filled(forms.ChannelForm(self.request.POST)).cleaned_data
        channel = conversations.create_channel(
            actor=self.actor,
            workspace_id=self.workspace_id,
            name=asked["name"],
            kind=asked["kind"],
            purpose=asked["purpose"],
        )
        return self.back(f"#{channel.name} is there, with you in it.")

    def archive(self) -> HttpResponse:
        channel = conversations.archive_channel(actor=self.actor, channel_id=self._own())
        return self.back(f"#{channel.name} is archived.")

    def unarchive(self) -> HttpResponse:
        channel = conversations.unarchive_channel(actor=self.actor, channel_id=self._own())
        return self.back(f"#{channel.name} is open again.")

    def _own(self) -> int:
        """The row's id: a channel of this workspace, for the actions ask only what one is in the channel's own."""
        channel, _ = conversation_queries.channel(actor=self.actor, channel_id=self.target)
        if channel.workspace_id != self.workspace_id or channel.is_dm:
            raise NotFoundError
        return channel.pk

    commands = {"create": create, "archive": archive, "unarchive": unarchive}


class BotsView(ConsoleView):
    section = "bots"
    template = "console/bots.html"

    def content(self) -> dict[str, Any]:
        listing = self.listing(
            lambda cursor: workspace_queries.visible_bots(
                actor=self.actor, workspace_id=self.workspace_id, cursor=cursor, limit=PAGE_SIZE
            )
        )
        return {"listing": listing, "form": self.form_or(forms.BotForm())}

    def create(self) -> HttpResponse:
        asked = self.filled(forms.BotForm(self.request.POST)).cleaned_data
        bot, _, secret = workspaces.create_bot(
            actor=self.actor, workspace_id=self.workspace_id, name=asked["name"], scopes=asked["scopes"]
        )
        messages.success(self.request, f"{bot.user.name} is a member now, as @{bot.handle}.")
        return self.hand_over(secret, path=f"{self.request.path}/{bot.user_id}")

    commands = {"create": create}


class BotView(ConsoleView):
    section = "bots"
    template = "console/bot.html"

    @property
    def bot_id(self) -> int:
        return int(self.kwargs["user_id"])

    def content(self) -> dict[str, Any]:
        tokens = workspace_queries.visible_bot_tokens(
            actor=self.actor, workspace_id=self.workspace_id, user_id=self.bot_id
        )
        return {
            "bot": workspace_queries.member(self.workspace_id, self.bot_id),
            "tokens": tokens,
            "form": self.form_or(forms.TokenForm()),
            "secret": self.handed(),
        }

    def row_ids(self, content: Mapping[str, Any]) -> set[str]:
        return {str(token.pk) for token in content["tokens"]}

    def issue(self) -> HttpResponse:
        asked = self.filled(forms.TokenForm(self.request.POST)).cleaned_data
        _, secret = workspaces.issue_bot_token(
            actor=self.actor,
            workspace_id=self.workspace_id,
            user_id=self.bot_id,
            name=asked["name"],
            scopes=asked["scopes"],
        )
        return self.hand_over(secret, path=self.request.path)

    def revoke(self) -> HttpResponse:
        workspaces.revoke_bot_token(
            actor=self.actor, workspace_id=self.workspace_id, user_id=self.bot_id, token_id=self.target
        )
        return self.back("The token is revoked; whoever used it is cut off.")

    def remove(self) -> HttpResponse:
        name = workspace_queries.member(self.workspace_id, self.bot_id).user.name
        workspaces.remove_bot(actor=self.actor, workspace_id=self.workspace_id, user_id=self.bot_id)
        messages.success(self.request, f"The bot {name} is removed.")
        return redirect(f"/console/{self.workspace_id}/bots")

    commands = {"issue": issue, "revoke": revoke, "remove": remove}


class AuditView(ConsoleView):
    http_method_names = ["get", "head"]
    section = "audit"
    template = "console/audit.html"

    def content(self) -> dict[str, Any]:
        return {
            "listing": self.listing(
                lambda cursor: queries.audit(
                    actor=self.actor, workspace_id=self.workspace_id, cursor=cursor, limit=PAGE_SIZE
                )
            )
        }


# -- errors -----------------------------------------------------------------------------------------------------------


class _AlreadyShownError(InvalidError):
    """A form's own check: its texts stand at its fields already."""


def _text(error: AppError) -> str:
    """Also for who sees no field: the fields' texts when there is nothing else."""
    texts = [text for found in error.extra.get("errors", {}).values() for text in found]
    if isinstance(error, NotFoundError) and error.detail == error.title:
        return _GONE
    return " ".join(texts) if texts and error.detail == error.title else error.detail
