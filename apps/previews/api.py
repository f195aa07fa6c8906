"""REST: the cards of a message's links."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import NOTHING
from apps.accounts.authentication import principal_of
from apps.core.threads import wait
from apps.messaging.api import MessagingView
from apps.previews import actions, queries


class CardOut(serializers.Serializer[Any]):
    url = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    site = serializers.CharField()


class CardsOut(serializers.Serializer[Any]):
    results = CardOut(many=True)
    pending = serializers.BooleanField()


class PreviewsView(MessagingView):
    @extend_schema(responses=CardsOut, description="While `pending`, a worker fetches: ask again in a moment.")
    def get(self, request: Request, message_id: int) -> Response:
        found = wait(queries.previews, actor=principal_of(request), message_id=message_id)
        return Response({"results": found.cards, "pending": found.pending})

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, message_id: int) -> Response:
        wait(actions.hide_previews, actor=principal_of(request), message_id=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
