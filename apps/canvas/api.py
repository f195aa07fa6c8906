"""REST: a canvas as Markdown, its versions, going back to one. Writing together goes over the socket."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import CURSOR, LIMIT, NOTHING, parsed
from apps.accounts.authentication import principal_of
from apps.canvas import actions, queries
from apps.canvas.markdown import to_markdown
from apps.core.fields import Id, Whole
from apps.core.threads import wait
from apps.workspaces.api import page_of


class VersionOut(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    editors = serializers.ListField(child=Id())
    created_at = serializers.IntegerField()


class VersionPageOut(serializers.Serializer[Any]):
    results = VersionOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RestoreIn(serializers.Serializer[Any]):
    n = Whole(min_value=1)


class CanvasView(APIView):
    @extend_schema(responses={(200, "text/markdown"): OpenApiTypes.STR})
    def get(self, request: Request, channel_id: int) -> HttpResponse:
        found = wait(queries.readable, actor=principal_of(request), channel_id=channel_id)
        return _markdown(found, f"canvas-{channel_id}.md")


class VersionListView(APIView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=VersionPageOut)
    def get(self, request: Request, channel_id: int) -> Response:
        page = wait(queries.versions, actor=principal_of(request), channel_id=channel_id, **page_of(request))
        return Response(
            {"results": [queries.present_version(row) for row in page.results], "next_cursor": page.next_cursor}
        )


class VersionView(APIView):
    @extend_schema(responses={(200, "text/markdown"): OpenApiTypes.STR})
    def get(self, request: Request, channel_id: int, n: int) -> HttpResponse:
        found = wait(queries.version, actor=principal_of(request), channel_id=channel_id, n=n)
        return _markdown(found, f"canvas-{channel_id}-{n}.md")


class RestoreView(APIView):
    @extend_schema(request=RestoreIn, responses={204: NOTHING})
    def post(self, request: Request, channel_id: int) -> Response:
        wait(
            actions.restore_version,
            actor=principal_of(request),
            channel_id=channel_id,
            **parsed(RestoreIn, request),
        )
        return Response(status=204)


def _markdown(update: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        to_markdown(update),
        content_type="text/markdown; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )
