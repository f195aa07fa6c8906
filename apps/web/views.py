"""The pages that the server renders: the doors to an account, and the frame of the client."""

import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import actions as accounts
from apps.accounts import browser
from apps.accounts import queries as account_queries
from apps.accounts.client import client_of
from apps.accounts.principal import Principal
from apps.core.errors import AppError, ForbiddenError, InvalidError, NotFoundError
from apps.core.problems import InternalError, plain_response
from apps.web import actions, queries, shell, speech
from apps.web.forms import NewPasswordForm, PageForm, ResetForm, SignInForm, SignUpForm
from apps.workspaces import queries as workspaces

HOME = "/"
_INVITE_PATH = re.compile(r"/invite/([A-Za-z0-9_-]{1,64})/?")
_page = require_http_methods(["GET", "HEAD", "POST"])


# -- who is here, and where to go next ------------------------------------------------------------------------------


def _next(request: HttpRequest) -> str:
    """The path in `next` when it is one of ours, else the start."""
    wanted = request.POST.get("next") or request.GET.get("next") or HOME
    ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if ours and wanted.startswith("/") else HOME


def _arrive(actor: Principal, target: str) -> HttpResponse:
    """On to `target`; an invitation that led here is accepted on the way, and explains itself when it can't be."""
    if invite := _INVITE_PATH.fullmatch(target):
        try:
            member = actions.join_workspace(actor=actor, code=invite[1])
        except AppError:
            return redirect(target)
        return redirect(f"/w/{member.workspace_id}")
    return redirect(target)


def _invitation(target: str) -> workspaces.Preview | None:
    """The invitation behind a `next`, for the page to say where one is heading."""
    invite = _INVITE_PATH.fullmatch(target)
    try:
        return workspaces.preview(invite[1]) if invite else None
    except NotFoundError:
        return None


def _with_next(path: str, target: str) -> str:
    return path if target == HOME else f"{path}?{urlencode({'next': target})}"


def _show(
    request: HttpRequest, template: str, context: dict[str, Any], *, error: AppError | None = None
) -> HttpResponse:
    response = render(request, template, context, status=200 if error is None else error.status)
    if error is not None and error.retry_after is not None:
        response["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return response


def _submit(form: PageForm, action: Callable[[], HttpResponse]) -> HttpResponse | AppError:
    """What the action answers, or the error, shown in the form."""
    if not form.is_valid():
        return InvalidError()
    try:
        return action()
    except AppError as error:
        form.take(error)
        return error


# -- accounts -------------------------------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters("password")
@_page
def sign_in(request: HttpRequest) -> HttpResponse:
    target = _next(request)
    if request.method != "POST" and (caller := browser.caller(request)) is not None:
        return _arrive(caller, target)
    form = SignInForm(request.POST or None)
    error: AppError | None = None
    if request.method == "POST":
        form = SignInForm(request.POST)

        def enter() -> HttpResponse:
            user = accounts.sign_in(
                email=form.cleaned_data["email"], password=form.cleaned_data["password"], client=client_of(request)
            )
            return _arrive(browser.begin(request, user), target)

        outcome = _submit(form, enter)
        if isinstance(outcome, HttpResponse):
            return outcome
        error = outcome
    context = {
        "form": form,
        "next": target,
        "sign_up_url": _with_next("/signup", target),
        "invitation": _invitation(target),
        "was_reset": "reset" in request.GET,
    }
    return _show(request, "auth/signin.html", context, error=error)


@never_cache
@sensitive_post_parameters("password")
@_page
def sign_up(request: HttpRequest) -> HttpResponse:
    target = _next(request)
    if request.method != "POST" and (caller := browser.caller(request)) is not None:
        return _arrive(caller, target)
    invitation = _invitation(target)
    error: AppError | None = None
    if request.method == "POST":
        form = SignUpForm(request.POST)

        def enter() -> HttpResponse:
            user = accounts.sign_up(
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
                name=form.cleaned_data["name"],
                client=client_of(request),
            )
            return _arrive(browser.begin(request, user), target)

        outcome = _submit(form, enter)
        if isinstance(outcome, HttpResponse):
            return outcome
        error = outcome
    else:
        form = SignUpForm(initial={"email": (invitation.email or "") if invitation else ""})
    context = {
        "form": form,
        "next": target,
        "sign_in_url": _with_next("/signin", target),
        "invitation": invitation,
    }
    return _show(request, "auth/signup.html", context, error=error)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    browser.end(request)
    return redirect("/signin")


@never_cache
@_page
def password_reset(request: HttpRequest) -> HttpResponse:
    error: AppError | None = None
    form = ResetForm()
    if request.method == "POST":
        form = ResetForm(request.POST)

        def ask() -> HttpResponse:
            accounts.request_password_reset(email=form.cleaned_data["email"], client=client_of(request))
            return redirect("/password/reset?sent")

        outcome = _submit(form, ask)
        if isinstance(outcome, HttpResponse):
            return outcome
        error = outcome
    return _show(request, "auth/reset.html", {"form": form, "sent": "sent" in request.GET}, error=error)


@never_cache
@sensitive_post_parameters("password")
@_page
def password_reset_confirm(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    error: AppError | None = None
    form = NewPasswordForm()
    user = account_queries.user_of_reset(uid=uid, token=token)
    if request.method == "POST":
        form = NewPasswordForm(request.POST)

        def change() -> HttpResponse:
            accounts.reset_password(
                uid=uid, token=token, password=form.cleaned_data["password"], client=client_of(request)
            )
            return redirect("/signin?reset")

        outcome = _submit(form, change)
        if isinstance(outcome, HttpResponse):
            return outcome
        error = outcome
    elif user is None:
        error = InvalidError()
    context = {"form": form, "alive": user is not None, "email": user.email if user else ""}
    return _show(request, "auth/reset_confirm.html", context, error=error)


@never_cache
@_page
def invitation(request: HttpRequest, code: str) -> HttpResponse:
    """Shows who invites whom where; posting it accepts."""
    caller = browser.caller(request)
    path = f"/invite/{code}"
    error: AppError | None = None
    if request.method == "POST":
        if caller is None:
            return redirect(_with_next("/signin", path))
        try:
            return redirect(f"/w/{actions.join_workspace(actor=caller, code=code).workspace_id}")
        except AppError as refused:
            error = refused
    context: dict[str, Any] = {
        "sign_up_url": _with_next("/signup", path),
        "sign_in_url": _with_next("/signin", path),
        "me": account_queries.user(caller.user_id) if caller is not None else None,
        "error": error,
    }
    try:
        context["invitation"] = workspaces.preview(code)
    except NotFoundError as dead:
        found = workspaces.invitation_by_code(code) if caller is not None else None
        if caller is not None and found is not None and workspaces.role_of(found.workspace_id, caller.user_id):
            return redirect(f"/w/{found.workspace_id}")
        error = dead
    return _show(request, "auth/invitation.html", context, error=error)


# -- the client -----------------------------------------------------------------------------------------------------


@never_cache
@ensure_csrf_cookie
@require_safe
def app(request: HttpRequest, path: str = "") -> HttpResponse:  # noqa: ARG001 - the client routes by it
    if (caller := browser.caller(request)) is None:
        return redirect(_with_next("/signin", request.get_full_path()))
    user = account_queries.user(caller.user_id)
    speech.speak(request, user)
    page = render(request, "app.html")
    speech.remember(page, user)
    return page


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """At the root, since a worker's reach is its own folder; browsers ask for it anew, so it must not be kept long."""
    answer = HttpResponse(shell.worker(), content_type="text/javascript; charset=utf-8")
    answer["Cache-Control"] = "no-cache"
    return answer


@require_safe
def kept_page(request: HttpRequest) -> HttpResponse:
    """The frame of the client as the service worker keeps it: the same for everybody, also for who is signed out."""
    answer = render(request, "shell.html")
    answer["Cache-Control"] = "no-cache"
    return answer


@require_safe
def web_manifest(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    answer = JsonResponse(shell.manifest(), content_type="application/manifest+json")
    answer["Cache-Control"] = "max-age=3600"
    return answer


# -- for machines ---------------------------------------------------------------------------------------------------


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Whether this process answers at all: no other part is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Whether requests should be sent here. A broadcast layer that is down degrades us, it does not stop us."""
    database, parts = queries.readiness()
    status = "ok" if all(parts.values()) else "degraded" if database else "unavailable"
    return JsonResponse({"status": status, "parts": parts}, status=200 if database else 503)


# -- errors ---------------------------------------------------------------------------------------------------------


def _error(request: HttpRequest, error: AppError, template: str) -> HttpResponseBase:
    if request.path.startswith("/v1/"):
        return plain_response(error)
    return render(request, template, status=error.status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001 - Django's signature
    return _error(request, InvalidError("The request could not be understood.", errors={}), "400.html")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001
    return _error(request, ForbiddenError(), "403.html")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:  # noqa: ARG001
    return _error(request, ForbiddenError("The form was too old or came from another site."), "403_csrf.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001
    return _error(request, NotFoundError(), "404.html")


def server_error(request: HttpRequest) -> HttpResponseBase:
    return _error(request, InternalError(), "500.html")
