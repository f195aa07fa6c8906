"""Fields of the pages. What is good input is decided by the actions; these only say what a page asks for."""

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.sizes import EMAIL_MAX, NAME_MAX, PASSWORD_MAX
from apps.core.errors import AppError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def _text(label: "str | _StrPromise", *, autocomplete: str, max_length: int, **attrs: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": autocomplete, "maxlength": str(max_length)} | attrs)
    return forms.CharField(label=label, max_length=max_length, widget=widget)


def _email() -> forms.CharField:
    widget = forms.EmailInput(attrs={"autocomplete": "email", "maxlength": str(EMAIL_MAX), "inputmode": "email"})
    return forms.CharField(label=_("E-mail address"), max_length=EMAIL_MAX, widget=widget)


def _password(label: "str | _StrPromise", *, autocomplete: str, help_text: "str | _StrPromise" = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete, "maxlength": str(PASSWORD_MAX)})
    return forms.CharField(label=label, max_length=PASSWORD_MAX, strip=False, widget=widget, help_text=help_text)


class PageForm(forms.Form):
    """A form whose action's errors are shown where they belong."""

    @property
    def focus(self) -> str:
        """Where to begin typing: the first field with an error, else the first empty one."""
        wrong = next((name for name in self.fields if self.is_bound and name in self.errors), None)
        empty = (name for name in self.fields if not self[name].value() or "password" in name)
        return wrong or next(empty, next(iter(self.fields)))

    def take(self, error: AppError) -> int:
        """Shows `error`; returns the status of the answer."""
        by_field = error.extra.get("errors", {})
        for field, texts in by_field.items():
            for text in texts:
                self.add_error(field if field in self.fields else None, text)
        if not by_field:
            self.add_error(None, error.detail)
        return error.status


class SignInForm(PageForm):
    email = _email()
    password = _password(_("Password"), autocomplete="current-password")


class SignUpForm(PageForm):
    name = _text(_("Your name"), autocomplete="name", max_length=NAME_MAX)
    email = _email()
    password = _password(_("Password"), autocomplete="new-password", help_text=_("At least 8 characters."))


class ResetForm(PageForm):
    email = _email()


class NewPasswordForm(PageForm):
    password = _password(_("New password"), autocomplete="new-password", help_text=_("At least 8 characters."))
