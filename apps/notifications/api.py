"""REST: preferences of a workspace and of a channel, devices, the key for Web Push subscriptions."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import NOTHING, parsed
from apps.accounts.authentication import principal_of
from apps.core.fields import Flag, Id, Text, Whole
from apps.notifications import actions, push_key, queries
from apps.notifications.sizes import DEVICE_NAME_MAX, KEY_MAX, KEYWORD_MAX, KEYWORDS_MAX, TOKEN_MAX

LEVELS = ["all", "mentions", "nothing"]
DIGESTS = ["soon", "daily", "weekly"]
KINDS = ["webpush", "fcm", "apns"]


class PreferencePatchIn(serializers.Serializer[Any]):
    level = serializers.ChoiceField(LEVELS, required=False)
    keywords = serializers.ListField(
        child=Text(max_length=KEYWORD_MAX, allow_blank=True), max_length=KEYWORDS_MAX, required=False
    )
    email = Flag(required=False)
    digest = serializers.ChoiceField(DIGESTS, required=False)
    content_free = Flag(required=False)
    sound = Flag(required=False)


class ChannelPreferencePatchIn(serializers.Serializer[Any]):
    level = serializers.ChoiceField(LEVELS, required=False, allow_null=True)
    muted = Flag(required=False)
    muted_until = Whole(required=False, allow_null=True, min_value=0, max_value=1 << 43)


class ChannelPreferenceOut(serializers.Serializer[Any]):
    channel_id = Id()
    level = serializers.ChoiceField(LEVELS, allow_null=True)
    muted = serializers.BooleanField()
    muted_until = serializers.IntegerField(allow_null=True)


class PreferenceOut(serializers.Serializer[Any]):
    workspace_id = Id()
    level = serializers.ChoiceField(LEVELS)
    keywords = serializers.ListField(child=serializers.CharField())
    email = serializers.BooleanField()
    digest = serializers.ChoiceField(DIGESTS)
    content_free = serializers.BooleanField()
    sound = serializers.BooleanField()
    channels = ChannelPreferenceOut(many=True)


class KeysIn(serializers.Serializer[Any]):
    p256dh = Text(max_length=KEY_MAX)
    auth = Text(max_length=KEY_MAX)


class DeviceIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(KINDS)
    token = Text(max_length=TOKEN_MAX)
    keys = KeysIn(required=False)
    name = Text(max_length=DEVICE_NAME_MAX, required=False, allow_blank=True)
    replaces = Text(max_length=TOKEN_MAX, required=False)


class DeviceOut(serializers.Serializer[Any]):
    id = Id()
    kind = serializers.ChoiceField(KINDS)
    name = serializers.CharField()
    created_at = serializers.IntegerField()
    last_seen_at = serializers.IntegerField()
    current = serializers.BooleanField()


class DeviceListOut(serializers.Serializer[Any]):
    results = DeviceOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PushKeyOut(serializers.Serializer[Any]):
    key = serializers.CharField(allow_null=True, help_text="null: this server sends no Web Push")


class PreferenceView(APIView):
    @extend_schema(operation_id="notification_preference", responses=PreferenceOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        return _preference(request, workspace_id)

    @extend_schema(operation_id="notification_preference_change", request=PreferencePatchIn, responses=PreferenceOut)
    def patch(self, request: Request, workspace_id: int) -> Response:
        changes = parsed(PreferencePatchIn, request)
        if changes:
            actions.change_preference(actor=principal_of(request), workspace_id=workspace_id, **changes)
        return _preference(request, workspace_id)


def _preference(request: Request, workspace_id: int) -> Response:
    row, channels = queries.preference(actor=principal_of(request), workspace_id=workspace_id)
    return Response(queries.present_preference(row, channels))


class ChannelPreferenceView(APIView):
    @extend_schema(operation_id="channel_notification_preference", responses=ChannelPreferenceOut)
    def get(self, request: Request, channel_id: int) -> Response:
        row = queries.channel_preference(actor=principal_of(request), channel_id=channel_id)
        return Response(queries.present_channel_preference(row))

    @extend_schema(
        operation_id="channel_notification_preference_change",
        request=ChannelPreferencePatchIn,
        responses=ChannelPreferenceOut,
    )
    def patch(self, request: Request, channel_id: int) -> Response:
        actor, changes = principal_of(request), parsed(ChannelPreferencePatchIn, request)
        if changes:
            row = actions.change_channel_preference(actor=actor, channel_id=channel_id, **changes)
        else:
            row = queries.channel_preference(actor=actor, channel_id=channel_id)
        return Response(queries.present_channel_preference(row))


class DeviceListView(APIView):
    @extend_schema(responses=DeviceListOut)
    def get(self, request: Request) -> Response:
        actor = principal_of(request)
        results = [queries.present_device(row, session_id=actor.session_id) for row in queries.devices(actor=actor)]
        return Response({"results": results, "next_cursor": None})

    @extend_schema(request=DeviceIn, responses={200: DeviceOut, 201: DeviceOut})
    def post(self, request: Request) -> Response:
        actor, given = principal_of(request), parsed(DeviceIn, request)
        row, created = actions.register_device(actor=actor, **given.pop("keys", {}), **given)
        return Response(
            queries.present_device(row, session_id=actor.session_id),
            status=status.HTTP_201_CREATED if created else status.HTTP_200_OK,
        )


class DeviceView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, device_id: int) -> Response:
        actions.remove_device(actor=principal_of(request), device_id=device_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DeviceTestView(APIView):
    @extend_schema(request=None, responses={202: NOTHING})
    def post(self, request: Request) -> Response:
        actions.request_test(actor=principal_of(request))
        return Response(status=status.HTTP_202_ACCEPTED)


class PushKeyView(APIView):
    @extend_schema(responses=PushKeyOut)
    def get(self, request: Request) -> Response:  # noqa: ARG002 - the same for everyone
        return Response({"key": push_key.public_key()})
