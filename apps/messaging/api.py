"""REST: messages, reactions, threads, history."""

from collections.abc import Mapping
from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import CURSOR, LIMIT, NOTHING, parsed
from apps.accounts.authentication import principal_of
from apps.core.errors import InvalidError
from apps.core.fields import Flag, Id
from apps.core.pagination import parse_limit
from apps.core.threads import wait
from apps.files.actions.attach import PER_MESSAGE_MAX
from apps.messaging import actions, queries

CURSOR_MAX = 400
encode = msgspec.json.Encoder().encode


class StructRenderer(JSONRenderer):
    """JSON of plain data and of msgspec structs, several times as fast as DRF's own."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        return b"" if data is None else encode(data)


class MessageText(serializers.Field[str, Any, str, Any]):
    """A JSON string; the action says which ones."""

    default_error_messages = {"invalid": "Must be a string."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: str) -> str:
        return value


class PostIn(serializers.Serializer[Any]):
    channel_id = Id()
    text = MessageText()
    type = MessageText(required=False)
    client_msg_id = MessageText(required=False, allow_null=True)
    thread_id = Id(required=False, allow_null=True)
    also_in_channel = Flag(required=False)
    forward_id = Id(required=False, allow_null=True, help_text="A message that is told on; the text may be empty.")
    file_ids = serializers.ListField(child=Id(), required=False, max_length=PER_MESSAGE_MAX)


class EditIn(serializers.Serializer[Any]):
    text = MessageText()


class MentionOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["user", "group", "channel", "here"])
    handle = serializers.CharField()
    user_id = Id(allow_null=True)
    group_id = Id(required=False)


class ReactionOut(serializers.Serializer[Any]):
    emoji = serializers.CharField()
    user_ids = serializers.ListField(child=Id())


class FileFactsOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    type = serializers.CharField()
    size = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    url = serializers.CharField()
    preview_url = serializers.CharField(allow_null=True)
    thumb_url = serializers.CharField(allow_null=True)


class QuoteOut(serializers.Serializer[Any]):
    message_id = Id()
    channel_id = Id()
    sender_id = Id()
    timestamp = serializers.IntegerField()
    text = serializers.CharField()
    html = serializers.CharField(allow_null=True)
    files = FileFactsOut(many=True)


class MessageOut(serializers.Serializer[Any]):
    message_id = Id()
    channel_id = Id()
    seq = serializers.IntegerField()
    n = serializers.IntegerField()
    sender_id = Id()
    type = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField(allow_null=True)
    mentions = MentionOut(many=True)
    files = FileFactsOut(many=True)
    timestamp = serializers.IntegerField()
    client_msg_id = serializers.CharField(allow_null=True)
    thread_id = Id(allow_null=True)
    thread_n = serializers.IntegerField()
    also_in_channel = serializers.BooleanField()
    edited_at = serializers.IntegerField(allow_null=True)
    deleted = serializers.BooleanField()
    reactions = ReactionOut(many=True)
    reply_count = serializers.IntegerField()
    last_reply_at = serializers.IntegerField(allow_null=True)
    quote = QuoteOut(required=False, help_text="Of a forwarded message: a copy of it.")


class PostedOut(serializers.Serializer[Any]):
    message_id = Id()
    timestamp = serializers.IntegerField()
    seq = serializers.IntegerField()
    message = MessageOut()


class AcceptedOut(serializers.Serializer[Any]):
    message_id = Id()


class CursorsOut(serializers.Serializer[Any]):
    older = serializers.CharField(allow_null=True)
    newer = serializers.CharField(allow_null=True)


class HistoryOut(serializers.Serializer[Any]):
    results = MessageOut(many=True)
    cursors = CursorsOut()
    seq = serializers.IntegerField()
    count = serializers.IntegerField()
    partial = serializers.BooleanField(  # type: ignore[assignment]  # the field is meant, not the serializer's own
        required=False, help_text="The message store does not answer: the newest messages as far as they are known."
    )
    notices = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="Event frames, oldest first; where asked for."
    )


class RepliesOut(serializers.Serializer[Any]):
    results = MessageOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    parent = MessageOut()
    following = serializers.BooleanField()


class PinOut(serializers.Serializer[Any]):
    message = MessageOut()
    pinned_at = serializers.IntegerField()
    pinned_by = Id()


class PinsOut(serializers.Serializer[Any]):
    results = PinOut(many=True)


class VersionOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    html = serializers.CharField(allow_null=True)
    edited_at = serializers.IntegerField()
    editor_id = Id()


class VersionsOut(serializers.Serializer[Any]):
    results = VersionOut(many=True)


class FollowedOut(serializers.Serializer[Any]):
    parent = MessageOut()
    reply_count = serializers.IntegerField()
    last_reply_at = serializers.IntegerField(allow_null=True)


class FollowedPageOut(serializers.Serializer[Any]):
    results = FollowedOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def _bound(name: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description="A cursor of an earlier answer, or a message id.")


def history_query(params: Mapping[str, str]) -> dict[str, Any]:
    """Raises InvalidError."""
    bounds = {name: _cursor_of(params, name) for name in ("before", "after", "around")}
    return {
        **bounds,
        "limit": parse_limit(params.get("limit")),
        "notices": params.get("notices") == "true",
    }


def history_answer(page: queries.HistoryPage) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "results": page.results,
        "cursors": {"older": page.older, "newer": page.newer},
        "seq": page.seq,
        "count": page.count,
    }
    if page.partial:
        answer["partial"] = True
    return answer if page.notices is None else {**answer, "notices": page.notices}


def _cursor_of(params: Mapping[str, str], name: str) -> str | None:
    """Raises InvalidError."""
    value = params.get(name)
    if value is not None and not 0 < len(value) <= CURSOR_MAX:
        raise InvalidError(errors={name: ["Not a cursor from an earlier page."]})
    return value


class MessagingView(APIView):
    renderer_classes = [StructRenderer]


class MessageListView(MessagingView):
    @extend_schema(
        request=PostIn,
        responses={
            201: PostedOut,
            202: OpenApiResponse(AcceptedOut, description="Durable; it can be read a little later."),
        },
    )
    def post(self, request: Request) -> Response:
        values = parsed(PostIn, request)
        if "type" in values:
            values["kind"] = values.pop("type")
        posted = wait(actions.post_message, actor=principal_of(request), wait=True, **values)
        if posted.message is None:
            return Response({"message_id": str(posted.message_id)}, status=status.HTTP_202_ACCEPTED)
        (view,) = wait(queries.views, [posted.message])
        return Response(
            {
                "message_id": str(posted.message_id),
                "timestamp": posted.timestamp,
                "seq": posted.seq,
                "message": view,
            },
            status=status.HTTP_201_CREATED,
        )


class MessageView(MessagingView):
    @extend_schema(responses=MessageOut)
    def get(self, request: Request, message_id: int) -> Response:
        return Response(wait(queries.message, actor=principal_of(request), message_id=message_id))

    @extend_schema(request=EditIn, responses=MessageOut)
    def patch(self, request: Request, message_id: int) -> Response:
        values = parsed(EditIn, request)
        edited = wait(actions.edit_message, actor=principal_of(request), message_id=message_id, wait=True, **values)
        (view,) = wait(queries.views, [edited])
        return Response(view)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, message_id: int) -> Response:
        wait(actions.delete_message, actor=principal_of(request), message_id=message_id, wait=True)
        return Response(status=status.HTTP_204_NO_CONTENT)


class VersionsView(MessagingView):
    @extend_schema(responses=VersionsOut)
    def get(self, request: Request, message_id: int) -> Response:
        found = wait(queries.versions, actor=principal_of(request), message_id=message_id)
        return Response({"results": found})


class ReactionView(MessagingView):
    @extend_schema(request=None, responses={204: NOTHING})
    def put(self, request: Request, message_id: int, emoji: str) -> Response:
        wait(actions.add_reaction, actor=principal_of(request), message_id=message_id, emoji=emoji, wait=True)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, message_id: int, emoji: str) -> Response:
        wait(actions.remove_reaction, actor=principal_of(request), message_id=message_id, emoji=emoji, wait=True)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PinView(MessagingView):
    @extend_schema(request=None, responses={204: NOTHING})
    def put(self, request: Request, message_id: int) -> Response:
        wait(actions.pin_message, actor=principal_of(request), message_id=message_id, wait=True)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, message_id: int) -> Response:
        wait(actions.unpin_message, actor=principal_of(request), message_id=message_id, wait=True)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PinListView(MessagingView):
    @extend_schema(responses=PinsOut)
    def get(self, request: Request, channel_id: int) -> Response:
        return Response({"results": wait(queries.pins, actor=principal_of(request), channel_id=channel_id)})


class RepliesView(MessagingView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=RepliesOut)
    def get(self, request: Request, message_id: int) -> Response:
        page = wait(
            queries.replies,
            actor=principal_of(request),
            message_id=message_id,
            cursor=_cursor_of(request.query_params, "cursor"),
            limit=parse_limit(request.query_params.get("limit")),
        )
        return Response(
            {
                "results": page.results,
                "next_cursor": page.next_cursor,
                "parent": page.parent,
                "following": page.following,
            }
        )


class FollowView(MessagingView):
    @extend_schema(request=None, responses={204: NOTHING})
    def put(self, request: Request, message_id: int) -> Response:
        wait(actions.follow_thread, actor=principal_of(request), message_id=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, message_id: int) -> Response:
        wait(actions.unfollow_thread, actor=principal_of(request), message_id=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ThreadListView(MessagingView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=FollowedPageOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = wait(
            queries.followed_threads,
            actor=principal_of(request),
            workspace_id=workspace_id,
            cursor=_cursor_of(request.query_params, "cursor"),
            limit=parse_limit(request.query_params.get("limit")),
        )
        return Response({"results": page.results, "next_cursor": page.next_cursor})


class HistoryView(MessagingView):
    @extend_schema(
        parameters=[
            _bound("before"),
            _bound("after"),
            _bound("around"),
            OpenApiParameter("notices", bool, description="Also what happened to the channel between the messages."),
            LIMIT,
        ],
        responses=HistoryOut,
    )
    def get(self, request: Request, channel_id: int) -> Response:
        page = wait(
            queries.history,
            actor=principal_of(request),
            channel_id=channel_id,
            **history_query(request.query_params),
        )
        return Response(history_answer(page))
