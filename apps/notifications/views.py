"""The page behind the link of a letter. Opening it asks; a POST (a mail program's one click, too) does it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.notifications import actions, unsubscribe


@csrf_exempt  # the signed token is the proof, and mail programs have no cookie
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_view(request: HttpRequest, token: str) -> HttpResponse:
    found = unsubscribe.read(token)
    if found is None:
        return render(request, "auth/unsubscribe.html", {"state": "dead"}, status=404)
    if request.method == "POST":
        actions.turn_off_mail(user_id=found[0], workspace_id=found[1])
        return render(request, "auth/unsubscribe.html", {"state": "done"})
    return render(request, "auth/unsubscribe.html", {"state": "ask"})
