"""Fields of the pages. What is good input is decided by the actions; these only say what a page asks for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.accounts.policies import SCOPES
from apps.accounts.sizes import EMAIL_MAX
from apps.accounts.sizes import NAME_MAX as ACCOUNT_NAME_MAX
from apps.core.errors import AppError, ConflictError
from apps.workspaces import policies
from apps.workspaces.roles import Role, Who
from apps.workspaces.sizes import NAME_MAX as WORKSPACE_NAME_MAX

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

CHANNEL_NAME_MAX = 80
CHANNEL_TEXT_MAX = 250
MAX_USES = 10_000
_HOUR, _DAY = 3600, 86_400
LIFETIMES = (
    (_HOUR, _("1 hour")),
    (_DAY, _("1 day")),
    (7 * _DAY, _("7 days")),
    (14 * _DAY, _("14 days")),
    (60 * _DAY, _("60 days")),
)
KINDS = (("public", _("Public: everybody finds it and may join")), ("private", _("Private: only who is added sees it")))
WHO = ((Who.MEMBERS, _("Everybody but guests")), (Who.ADMINS, _("Owners and admins")))
SCOPE_TEXTS = {
    "messages:read": _("read and follow its channels and the public ones"),
    "messages:write": _("post, edit and delete its own messages"),
    "reactions:write": _("add and remove its own reactions"),
    "channels:read": _("list and look up channels"),
    "channels:manage": _("create, change, archive, join and leave channels, add people"),
    "members:read": _("list people, follow who comes and goes"),
    "status:write": _("set its own status"),
}
FIRST_SCOPES = ("messages:read", "messages:write", "channels:read")


def _line(
    label: "str | _StrPromise",
    *,
    max_length: int,
    required: bool = True,
    help_text: "str | _StrPromise" = "",
    **attrs: str,
) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", **attrs})
    return forms.CharField(label=label, max_length=max_length, required=required, help_text=help_text, widget=widget)


def _scopes() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(scope, f"{scope} – {SCOPE_TEXTS.get(scope, '')}") for scope in sorted(SCOPES)],
        widget=forms.CheckboxSelectMultiple,
        initial=FIRST_SCOPES,
        help_text=_("Give a token only what its program needs."),
    )


class ConsoleForm(forms.Form):
    """A form whose action's errors are shown where they belong."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def take(self, error: AppError) -> None:
        by_field = error.extra.get("errors", {})
        for field, texts in by_field.items():
            # A conflict's detail says what is in the way, its field only that something is.
            said = [error.detail] if isinstance(error, ConflictError) else texts
            for text in said:
                self.add_error(field if field in self.fields else None, capfirst(str(text)))
        if not by_field:
            self.add_error(None, error.detail)


class RenameForm(ConsoleForm):
    name = _line(_("Name"), max_length=WORKSPACE_NAME_MAX)


class PoliciesForm(ConsoleForm):
    emoji_by = forms.ChoiceField(label=_("Who may add emoji"), choices=WHO)
    groups_by = forms.ChoiceField(label=_("Who may make groups"), choices=WHO)


class InviteForm(ConsoleForm):
    email = _line(
        "E-mail address",
        max_length=EMAIL_MAX,
        required=False,
        inputmode="email",
        help_text=_(
            "Empty: a link for whoever has it. Otherwise a letter goes out, and the link is good for this "
            "address alone, once."
        ),
    )
    role = forms.ChoiceField(label=_("Role"), initial=Role.MEMBER)
    expires_in = forms.TypedChoiceField(label=_("Good for"), choices=LIFETIMES, coerce=int, initial=14 * _DAY)
    max_uses = forms.IntegerField(
        label=_("Uses"),
        required=False,
        min_value=1,
        max_value=MAX_USES,
        help_text=_("Of a link without an address. Empty: 100."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, role: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"] = forms.ChoiceField(label=_("Role"), choices=grantable(role), initial=Role.MEMBER)


class ChannelForm(ConsoleForm):
    name = _line(_("Name"), max_length=CHANNEL_NAME_MAX, help_text=_("Lower case, no spaces: release-notes."))
    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS, initial="public")
    purpose = _line(_("Purpose"), max_length=CHANNEL_TEXT_MAX, required=False)


class BotForm(ConsoleForm):
    name = _line(_("Name"), max_length=ACCOUNT_NAME_MAX)
    scopes = _scopes()


class TokenForm(ConsoleForm):
    name = _line(_("What it is for"), max_length=ACCOUNT_NAME_MAX)
    scopes = _scopes()


def grantable(actor: str, *, bot: bool = False) -> list[tuple[str, str]]:
    """The roles that this role may give, to a person or a bot."""
    roles: Iterable[Role] = [Role.MEMBER, Role.GUEST, Role.ADMIN, Role.OWNER]
    return [
        (role.value, role.label)
        for role in roles
        if policies.can_grant(actor, role) and (not bot or role in policies.BOT_ROLES)
    ]
