"""REST: search in a workspace."""

from typing import Any
from zoneinfo import ZoneInfo

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import CURSOR, LIMIT
from apps.accounts.authentication import principal_of
from apps.core.errors import InvalidError
from apps.core.pagination import parse_limit
from apps.core.threads import wait
from apps.messaging.api import CURSOR_MAX, MessageOut, MessagingView
from apps.search import queries
from apps.search.queries import LIMIT_DEFAULT, LIMIT_MAX, SORTS

ZONE_MAX = 64


class PartOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    match = serializers.BooleanField()


class HitOut(serializers.Serializer[Any]):
    message = MessageOut()
    snippet = PartOut(many=True)


class SearchOut(serializers.Serializer[Any]):
    results = HitOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    notes = serializers.ListField(child=serializers.CharField())
    indexed_until = serializers.IntegerField(allow_null=True)


class SearchView(MessagingView):
    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, required=True, description="Words, “phrases”, filters: see docs/protocol.md."),
            OpenApiParameter("sort", str, enum=list(SORTS)),
            OpenApiParameter("tz", str, description="IANA name of the time zone in which dates are meant; UTC."),
            CURSOR,
            LIMIT,
        ],
        responses=SearchOut,
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        params = request.query_params
        sort = next((known for known in SORTS if known == params.get("sort", SORTS[0])), None)
        if sort is None:
            raise InvalidError(errors={"sort": [f"One of {', '.join(SORTS)}."]})
        cursor = params.get("cursor") or None
        if cursor is not None and len(cursor) > CURSOR_MAX:
            raise InvalidError(errors={"cursor": ["not a cursor from an earlier page"]})
        found = wait(
            queries.search,
            actor=principal_of(request),
            workspace_id=workspace_id,
            query=params.get("q", ""),
            sort=sort,
            zone=_zone(params.get("tz", "")),
            cursor=cursor,
            limit=parse_limit(params.get("limit"), default=LIMIT_DEFAULT, maximum=LIMIT_MAX),
        )
        return Response(
            {
                "results": found.results,
                "next_cursor": found.next_cursor,
                "notes": found.notes,
                "indexed_until": found.indexed_until,
            }
        )


def _zone(name: str) -> ZoneInfo:
    """Raises InvalidError."""
    try:
        return ZoneInfo(name[:ZONE_MAX] or "UTC")
    except (KeyError, ValueError, OSError) as error:
        raise InvalidError(errors={"tz": ["Not the name of a time zone, such as Europe/Berlin."]}) from error
