"""Where browsers get files: nothing that is served here can run there.

Everything is an attachment under a type that no browser renders, in a sandbox without scripts; only what we drew
ourselves has an image's type. With FILES_ORIGIN all of it comes from another origin, which has no cookies: this one
checks who asks and leads there with a proof that is good for minutes, and the right is asked for again there.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from rest_framework.request import Request

from apps.accounts.authentication import BearerAuthentication, principal_of
from apps.core.errors import AppError, NotFoundError
from apps.core.problems import plain_response
from apps.files import images, names, parts, queries

if TYPE_CHECKING:
    from apps.files.models import File

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, max-age=300",
    "Accept-Ranges": "bytes",
}
_VARIANTS = {"@preview": parts.PREVIEW, "@thumb": parts.THUMB}
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")


@require_safe
def serve(request: HttpRequest, file_id: int, name: str) -> HttpResponseBase:
    try:
        return _serve(request, file_id, _VARIANTS.get(name, parts.ORIGINAL))
    except AppError as error:
        return plain_response(error)


def _serve(request: HttpRequest, file_id: int, variant: str) -> HttpResponseBase:
    if settings.FILES_ORIGIN and request.get_host() == urlsplit(settings.FILES_ORIGIN).netloc:
        found = queries.readable_by_proof(token=request.GET.get("proof", ""), file_id=file_id)
    else:
        actor = _actor(request)
        found = queries.readable(actor=actor, file_id=file_id)
        if settings.FILES_ORIGIN:
            proof = queries.proof(user_id=actor.user_id, file_id=file_id)
            there = HttpResponseRedirect(f"{settings.FILES_ORIGIN}{request.path}?proof={proof}")
            there["Cache-Control"] = "private, max-age=240"
            return there
    return _answer(request, found, variant)


def _actor(request: HttpRequest) -> Any:
    if request.headers.get("Authorization"):
        proven = BearerAuthentication().authenticate(Request(request))
        if proven is not None:
            return proven[1]
    return principal_of(request)


def _answer(request: HttpRequest, file: "File", variant: str) -> HttpResponseBase:
    size = queries.size_of(file, variant)
    if not size:
        raise NotFoundError
    begin, end, partial = 0, size, False
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted:
        begin, end = int(wanted[1]), min(size, int(wanted[2]) + 1 if wanted[2] else size)
        partial = True
        if begin >= end:
            return HttpResponse(status=416, headers={**HEADERS, "Content-Range": f"bytes */{size}"})
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        pieces = queries.content(file, variant, begin=begin, end=end)
        small = end - begin <= parts.PART_BYTES
        response = HttpResponse(b"".join(pieces)) if small else StreamingHttpResponse(_streamed(pieces))
    if partial:
        response.status_code = 206
        response["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    for header, value in HEADERS.items():
        response[header] = value
    drawn = variant != parts.ORIGINAL
    response["Content-Type"] = images.TYPE if drawn else names.UNKNOWN
    response["Content-Length"] = str(end - begin)
    response["Content-Disposition"] = names.disposition(f"{file.name}.webp" if drawn else file.name)
    response["Cross-Origin-Resource-Policy"] = "cross-origin" if settings.FILES_ORIGIN else "same-origin"
    patch_vary_headers(response, ["Cookie", "Authorization"])
    return response


async def _streamed(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A part at a time: as much of a file is in memory as its reader can take."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
