"""REST: /v1/me/status, /v1/me/dnd, /v1/me/presence, and who of a workspace is here."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import NOTHING, StatusOut, parsed
from apps.accounts.authentication import principal_of, user_of
from apps.accounts.sizes import STATUS_EMOJI_MAX, STATUS_TEXT_MAX
from apps.core.errors import InvalidError
from apps.core.fields import Flag, Id, Text, Whole
from apps.core.ids import MAX_ID
from apps.presence import actions, queries
from apps.presence.sizes import PULLED_MAX

_DAYS = 7
_TIME_MAX = 5


class StatusIn(serializers.Serializer[Any]):
    emoji = Text(max_length=STATUS_EMOJI_MAX, required=False, allow_blank=True)
    text = Text(max_length=STATUS_TEXT_MAX, required=False, allow_blank=True)
    expires_at = Whole(required=False, allow_null=True)


class ScheduleIn(serializers.Serializer[Any]):
    start = Text(max_length=_TIME_MAX)
    end = Text(max_length=_TIME_MAX)
    days = serializers.ListField(child=Whole(min_value=0, max_value=_DAYS - 1), max_length=_DAYS, required=False)


class DndIn(serializers.Serializer[Any]):
    until = Whole(required=False, allow_null=True)
    schedule = ScheduleIn(required=False, allow_null=True)


class PresenceIn(serializers.Serializer[Any]):
    away = Flag()


class MyStatusOut(serializers.Serializer[Any]):
    status = StatusOut(allow_null=True)


class ScheduleOut(serializers.Serializer[Any]):
    start = serializers.CharField()
    end = serializers.CharField()
    days = serializers.ListField(child=serializers.IntegerField())


class DndOut(serializers.Serializer[Any]):
    on = serializers.BooleanField(help_text="Now, for whichever reason.")
    until = serializers.IntegerField(allow_null=True)
    schedule = ScheduleOut(allow_null=True)


STATES = ["online", "away", "offline"]


class MyPresenceOut(serializers.Serializer[Any]):
    away = serializers.BooleanField(help_text="Set by hand.")
    state = serializers.ChoiceField(STATES, help_text="What others see.")


class PresenceOut(serializers.Serializer[Any]):
    user_id = Id()
    state = serializers.ChoiceField(STATES)
    dnd = serializers.BooleanField()
    status = StatusOut(allow_null=True)


class PresencesOut(serializers.Serializer[Any]):
    results = PresenceOut(many=True)


class StatusView(APIView):
    @extend_schema(responses=MyStatusOut)
    def get(self, request: Request) -> Response:
        return Response({"status": queries.status_of(user_of(request))})

    @extend_schema(request=StatusIn, responses=MyStatusOut)
    def put(self, request: Request) -> Response:
        user = actions.set_status(actor=principal_of(request), **parsed(StatusIn, request))
        return Response({"status": queries.status_of(user)})

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request) -> Response:
        actions.clear_status(actor=principal_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DndView(APIView):
    @extend_schema(responses=DndOut)
    def get(self, request: Request) -> Response:
        return Response(queries.my_dnd(actor=principal_of(request)))

    @extend_schema(request=DndIn, responses=DndOut)
    def put(self, request: Request) -> Response:
        actor = principal_of(request)
        actions.set_dnd(actor=actor, **parsed(DndIn, request))
        return Response(queries.my_dnd(actor=actor))


class MyPresenceView(APIView):
    @extend_schema(responses=MyPresenceOut)
    def get(self, request: Request) -> Response:
        return Response(queries.my_presence(actor=principal_of(request)))

    @extend_schema(request=PresenceIn, responses=MyPresenceOut)
    def put(self, request: Request) -> Response:
        actor = principal_of(request)
        actions.set_away(actor=actor, **parsed(PresenceIn, request))
        return Response(queries.my_presence(actor=actor))


class WorkspacePresenceView(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("ids", str, required=True, description=f"At most {PULLED_MAX}, by commas.")],
        responses=PresencesOut,
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        found = queries.presences(
            actor=principal_of(request), workspace_id=workspace_id, user_ids=_ids(request.query_params.get("ids", ""))
        )
        return Response({"results": [{"user_id": str(user_id), **shown} for user_id, shown in found.items()]})


def _ids(text: str) -> list[int]:
    parts = text.split(",", PULLED_MAX)
    if len(parts) > PULLED_MAX:
        raise InvalidError(errors={"ids": [f"At most {PULLED_MAX}."]})
    if not all(part.isascii() and part.isdigit() and len(part) <= len(str(MAX_ID)) for part in parts):
        raise InvalidError(errors={"ids": ["Ids, separated by commas."]})
    return [int(part) for part in parts if int(part) <= MAX_ID]
