"""REST: channels. What a channel is comes from apps.conversations, where its stream stands from the message store."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import CURSOR, LIMIT, parsed
from apps.accounts.authentication import principal_of
from apps.conversations import actions
from apps.conversations import queries as conversations
from apps.core.errors import InvalidError
from apps.core.fields import Id, Text
from apps.reads.api import PlaceOut
from apps.web import queries
from apps.workspaces import queries as workspaces
from apps.workspaces.api import MemberPageOut, page_of

if TYPE_CHECKING:
    from apps.conversations.models import Channel

KINDS = ("public", "private", "dm", "group_dm")
MAX_MEMBERS = 1000
_NOTHING_READ = {"unread": None, "mentions": None, "marker": None}
TEXT_MAX = 4000  # what a name or topic may take is said by the action; this only bounds the body


class ChannelIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(KINDS, default="public")
    name = Text(required=False, max_length=TEXT_MAX)
    members = serializers.ListField(child=Id(), required=False, max_length=MAX_MEMBERS)
    topic = Text(required=False, allow_blank=True, max_length=TEXT_MAX)
    purpose = Text(required=False, allow_blank=True, max_length=TEXT_MAX)


class ChannelPatchIn(serializers.Serializer[Any]):
    name = Text(required=False, max_length=TEXT_MAX)
    topic = Text(required=False, allow_blank=True, max_length=TEXT_MAX)
    purpose = Text(required=False, allow_blank=True, max_length=TEXT_MAX)
    posting = Text(required=False, max_length=20, help_text="everyone or admins")


class PeopleIn(serializers.Serializer[Any]):
    user_ids = serializers.ListField(child=Id(), min_length=1, max_length=MAX_MEMBERS)


class ChannelOut(serializers.Serializer[Any]):
    id = Id()
    workspace_id = Id()
    kind = serializers.ChoiceField(KINDS)
    name = serializers.CharField(allow_null=True)
    topic = serializers.CharField()
    purpose = serializers.CharField()
    archived = serializers.BooleanField()
    posting = serializers.ChoiceField(["everyone", "admins"])
    creator_id = Id(allow_null=True)
    created_at = serializers.IntegerField()
    member_count = serializers.IntegerField()
    is_member = serializers.BooleanField()
    member_ids = serializers.ListField(child=Id(), allow_null=True, help_text="Of direct messages, else null.")
    stream = serializers.CharField()
    seq = serializers.IntegerField(allow_null=True, help_text="null while the message store does not answer")
    count = serializers.IntegerField(allow_null=True)
    last_message_at = serializers.IntegerField(allow_null=True)
    unread = serializers.IntegerField(allow_null=True, help_text="null where you are no member")
    mentions = serializers.IntegerField(allow_null=True)
    marker = PlaceOut(allow_null=True)
    partial = serializers.BooleanField(  # type: ignore[assignment]  # the name of a flag of DRF's own
        required=False, help_text="true, and only then there, while the message store does not answer"
    )


class ChannelPageOut(serializers.Serializer[Any]):
    results = ChannelOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def present(channels: "Iterable[Channel]", member_of: Collection[int], request: Request) -> list[dict[str, Any]]:
    rows = [conversations.present_channel(channel, is_member=channel.pk in member_of) for channel in channels]
    places = queries.channel_places(int(row["id"]) for row in rows)
    unread = queries.unread(principal_of(request).user_id, [row for row in rows if row["is_member"]], places)
    return [row | places[int(row["id"])] | unread.get(int(row["id"]), _NOTHING_READ) for row in rows]


def _mine(channel: "Channel", request: Request, *, status_code: int = status.HTTP_200_OK) -> Response:
    return Response(present([channel], {channel.pk}, request)[0], status=status_code)


def _seen(channel: "Channel", request: Request) -> Response:
    mine = conversations.memberships([channel.pk], principal_of(request).user_id)
    return Response(present([channel], mine, request)[0])


class ChannelListView(APIView):
    @extend_schema(
        operation_id="channels_list",
        parameters=[
            OpenApiParameter("filter", str, enum=["mine", "browse"], description="Default mine: of all kinds."),
            OpenApiParameter("q", str, description="A part of the name."),
            CURSOR,
            LIMIT,
        ],
        responses=ChannelPageOut,
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        which = request.query_params.get("filter", "mine")
        asked: dict[str, Any] = {
            "actor": principal_of(request),
            "workspace_id": workspace_id,
            "search": request.query_params.get("q", ""),
            **page_of(request),
        }
        if which == "browse":
            page, mine = conversations.browse(**asked)
        elif which == "mine":
            page = conversations.my_channels(**asked)
            mine = {channel.pk for channel in page.results}
        else:
            raise InvalidError(errors={"filter": ["mine or browse"]})
        return Response({"results": present(page.results, mine, request), "next_cursor": page.next_cursor})

    @extend_schema(request=ChannelIn, responses={200: ChannelOut, 201: ChannelOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        actor, body = principal_of(request), parsed(ChannelIn, request)
        people = body.pop("members", [])
        if body["kind"] in ("dm", "group_dm"):
            channel, new = actions.open_dm(actor=actor, workspace_id=workspace_id, user_ids=people)
            return _mine(channel, request, status_code=status.HTTP_201_CREATED if new else status.HTTP_200_OK)
        if "name" not in body:
            raise InvalidError(errors={"name": ["Fill this in."]})
        channel = actions.create_channel(actor=actor, workspace_id=workspace_id, member_ids=people, **body)
        return _mine(channel, request, status_code=status.HTTP_201_CREATED)


class ChannelView(APIView):
    @extend_schema(responses=ChannelOut)
    def get(self, request: Request, channel_id: int) -> Response:
        channel, access = conversations.channel(actor=principal_of(request), channel_id=channel_id)
        return Response(present([channel], {channel.pk} if access.is_member else (), request)[0])

    @extend_schema(request=ChannelPatchIn, responses=ChannelOut)
    def patch(self, request: Request, channel_id: int) -> Response:
        changes = parsed(ChannelPatchIn, request)
        channel = actions.update_channel(actor=principal_of(request), channel_id=channel_id, **changes)
        return _seen(channel, request)


class JoinView(APIView):
    @extend_schema(request=None, responses=ChannelOut)
    def post(self, request: Request, channel_id: int) -> Response:
        return _mine(actions.join_channel(actor=principal_of(request), channel_id=channel_id), request)


class LeaveView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, channel_id: int) -> Response:
        actions.leave_channel(actor=principal_of(request), channel_id=channel_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ArchiveView(APIView):
    @extend_schema(request=None, responses=ChannelOut)
    def post(self, request: Request, channel_id: int) -> Response:
        return _seen(actions.archive_channel(actor=principal_of(request), channel_id=channel_id), request)


class UnarchiveView(APIView):
    @extend_schema(request=None, responses=ChannelOut)
    def post(self, request: Request, channel_id: int) -> Response:
        return _seen(actions.unarchive_channel(actor=principal_of(request), channel_id=channel_id), request)


class ChannelMemberListView(APIView):
    @extend_schema(operation_id="channel_members_list", parameters=[CURSOR, LIMIT], responses=MemberPageOut)
    def get(self, request: Request, channel_id: int) -> Response:
        page = conversations.channel_members(actor=principal_of(request), channel_id=channel_id, **page_of(request))
        results = [workspaces.present_member(member) for member in page.results]
        return Response({"results": results, "next_cursor": page.next_cursor})

    @extend_schema(request=PeopleIn, responses=ChannelOut)
    def post(self, request: Request, channel_id: int) -> Response:
        people = parsed(PeopleIn, request)["user_ids"]
        channel, _ = actions.add_members(actor=principal_of(request), channel_id=channel_id, user_ids=people)
        return _seen(channel, request)


class ChannelMemberView(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, channel_id: int, user_id: int) -> Response:
        actions.remove_member(actor=principal_of(request), channel_id=channel_id, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
