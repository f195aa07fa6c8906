"""REST: the emoji that a workspace made for itself."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import CURSOR, LIMIT, NOTHING, parsed
from apps.accounts.authentication import principal_of
from apps.core.fields import Id, Text
from apps.emoji import actions, queries
from apps.emoji.sizes import NAME_MAX, UPLOAD_MAX_BYTES
from apps.workspaces.api import page_of


class EmojiIn(serializers.Serializer[Any]):
    name = Text(max_length=NAME_MAX + 2)
    image = Text(
        max_length=UPLOAD_MAX_BYTES * 4 // 3 + 4,
        required=False,
        help_text=f"Base64 of PNG, GIF, WebP or JPEG, at most {UPLOAD_MAX_BYTES // 1024} KiB.",
    )
    alias_of = Text(max_length=NAME_MAX + 2, required=False, help_text="Instead: the name of an emoji that is here.")


class EmojiOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    alias_of = serializers.CharField(allow_null=True)
    url = serializers.CharField()
    creator_id = Id()
    created_at = serializers.IntegerField()


class EmojiPageOut(serializers.Serializer[Any]):
    results = EmojiOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class EmojiListView(APIView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=EmojiPageOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = queries.page(actor=principal_of(request), workspace_id=workspace_id, **page_of(request))
        return Response({"results": [queries.present(row) for row in page.results], "next_cursor": page.next_cursor})

    @extend_schema(request=EmojiIn, responses={201: EmojiOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        made = actions.add_emoji(actor=principal_of(request), workspace_id=workspace_id, **parsed(EmojiIn, request))
        return Response(queries.present(made), status=status.HTTP_201_CREATED)


class EmojiView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, workspace_id: int, name: str) -> Response:
        actions.delete_emoji(actor=principal_of(request), workspace_id=workspace_id, name=name)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EmojiImageView(APIView):
    @extend_schema(responses={(200, "image/webp"): OpenApiTypes.BINARY})
    def get(self, request: Request, emoji_id: int) -> HttpResponse:
        # An image never changes under its id.
        return HttpResponse(
            queries.image(actor=principal_of(request), emoji_id=emoji_id),
            content_type="image/webp",
            headers={
                "Cache-Control": "private, max-age=604800, immutable",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )
