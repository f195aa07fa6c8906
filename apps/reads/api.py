"""REST: markers, and what is unread."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import CURSOR, LIMIT, parsed
from apps.accounts.authentication import principal_of
from apps.core.errors import InvalidError
from apps.core.fields import Id
from apps.core.ids import MAX_ID
from apps.core.pagination import MAX_LIMIT, parse_limit
from apps.core.threads import wait
from apps.messaging import queries as messaging
from apps.messaging.api import MessageOut, StructRenderer
from apps.reads import actions, activity, queries

_DIGITS = len(str(MAX_ID))


class MarkerIn(serializers.Serializer[Any]):
    n = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_ID, help_text="Left out, or beyond the end: the end."
    )
    version = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_ID,
        help_text="Under an older version than the marker's nothing moves.",
    )


class PlaceOut(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    version = serializers.IntegerField()


class MarkerOut(PlaceOut):
    channel_id = Id()
    thread_id = Id(allow_null=True)


class UnreadOut(serializers.Serializer[Any]):
    channel_id = Id()
    count = serializers.IntegerField(allow_null=True, help_text="null while the message store does not answer")
    unread = serializers.IntegerField(allow_null=True)
    mentions = serializers.IntegerField(allow_null=True)
    marker = PlaceOut(allow_null=True)


class ThreadUnreadOut(UnreadOut):
    thread_id = Id()


class UnreadsOut(serializers.Serializer[Any]):
    results = UnreadOut(many=True)
    threads = ThreadUnreadOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    partial = serializers.BooleanField()  # type: ignore[assignment]  # the name of a flag of DRF's own


class FirstUnreadOut(serializers.Serializer[Any]):
    message_id = Id(allow_null=True)


class AllReadOut(serializers.Serializer[Any]):
    moved = serializers.IntegerField()


class HappeningOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(("mention", "thread", "reaction"))
    at = serializers.IntegerField()
    actor_id = Id()
    message = MessageOut()
    emoji = serializers.CharField(allow_null=True)
    unread = serializers.IntegerField(allow_null=True)


class ActivityOut(serializers.Serializer[Any]):
    results = HappeningOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ActivityView(APIView):
    renderer_classes = [StructRenderer]

    @extend_schema(
        operation_id="activity_list",
        parameters=[
            OpenApiParameter("filter", str, enum=["mentions", "threads", "reactions"], description="Default mentions."),
            CURSOR,
            LIMIT,
        ],
        responses=ActivityOut,
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        page = wait(
            activity.activity,
            actor=principal_of(request),
            workspace_id=workspace_id,
            kind=request.query_params.get("filter") or "mentions",
            cursor=request.query_params.get("cursor") or None,
            limit=parse_limit(request.query_params.get("limit"), default=activity.LIMIT),
        )
        results = [
            {
                "kind": happening.kind,
                "at": happening.at,
                "actor_id": str(happening.actor_id),
                "message": happening.message,
                "emoji": happening.emoji,
                "unread": happening.unread,
            }
            for happening in page.results
        ]
        return Response({"results": results, "next_cursor": page.next_cursor})


class UnreadsView(APIView):
    @extend_schema(operation_id="unreads_list", parameters=[CURSOR, LIMIT], responses=UnreadsOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = wait(
            queries.unreads,
            actor=principal_of(request),
            workspace_id=workspace_id,
            cursor=request.query_params.get("cursor") or None,
            limit=parse_limit(request.query_params.get("limit"), default=MAX_LIMIT),
        )
        return Response(
            {
                "results": [_unread(scope, state) for scope, state in page.channels],
                "threads": [_unread(scope, state) | {"thread_id": str(scope.id)} for scope, state in page.threads],
                "next_cursor": page.next_cursor,
                "partial": page.partial,
            }
        )


class AllReadView(APIView):
    @extend_schema(request=None, responses=AllReadOut)
    def post(self, request: Request, workspace_id: int) -> Response:
        moved = wait(actions.mark_all_read, actor=principal_of(request), workspace_id=workspace_id)
        return Response({"moved": moved})


class ChannelMarkerView(APIView):
    @extend_schema(request=MarkerIn, responses=MarkerOut)
    def put(self, request: Request, channel_id: int) -> Response:
        asked = parsed(MarkerIn, request)
        moved = wait(
            actions.move_marker_now,
            actor=principal_of(request),
            channel_id=channel_id,
            n=asked.get("n"),
            version=asked.get("version"),
        )
        return Response(_marker(moved))


class FirstUnreadView(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("n", int, description="Another place than the first after the marker.")],
        responses=FirstUnreadOut,
    )
    def get(self, request: Request, channel_id: int) -> Response:
        n = request.query_params.get("n")
        found = wait(
            queries.first_unread,
            actor=principal_of(request),
            channel_id=channel_id,
            place=None if n is None else _place(n),
        )
        return Response({"message_id": None if found is None else str(found)})


class ThreadMarkerView(APIView):
    @extend_schema(request=MarkerIn, responses=MarkerOut)
    def put(self, request: Request, message_id: int) -> Response:
        actor, asked = principal_of(request), parsed(MarkerIn, request)
        moved = wait(
            actions.move_marker_now,
            actor=actor,
            channel_id=wait(messaging.locate, actor=actor, message_id=message_id).channel_id,
            thread_id=message_id,
            n=asked.get("n"),
            version=asked.get("version"),
        )
        return Response(_marker(moved))


class MarkUnreadView(APIView):
    @extend_schema(request=None, responses=MarkerOut)
    def post(self, request: Request, message_id: int) -> Response:
        moved = wait(actions.step_back, actor=principal_of(request), message_id=message_id)
        return Response(_marker(moved), status=status.HTTP_200_OK)


def _place(raw: str) -> int:
    if not (raw.isascii() and raw.isdigit()) or len(raw) >= _DIGITS or int(raw) == 0:
        raise InvalidError(errors={"n": ["a place among the channel's messages, from 1"]})
    return int(raw)


def _marker(moved: queries.Moved) -> dict[str, Any]:
    return {
        "channel_id": str(moved.channel_id),
        "thread_id": None if moved.scope_id == moved.channel_id else str(moved.scope_id),
        "n": moved.n,
        "version": moved.version,
    }


def _unread(scope: queries.Scope, state: queries.State) -> dict[str, Any]:
    return {"channel_id": str(scope.channel_id), "count": scope.end, **queries.present_state(state)}
