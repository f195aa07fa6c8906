"""REST: GET /v1/gateway."""

from typing import Any

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.authentication import principal_of
from apps.core.errors import UnavailableError
from apps.gateway import queries


class GatewayOut(serializers.Serializer[Any]):
    url = serializers.CharField()
    gateway = serializers.CharField()
    expires_in = serializers.IntegerField()


class GatewayView(APIView):
    @extend_schema(responses=GatewayOut, operation_id="gateway", description="Where the caller's socket belongs.")
    def get(self, request: Request) -> Response:
        found = async_to_sync(queries.gateway_for)(principal_of(request).user_id)
        if found is None:
            raise UnavailableError("No gateway takes sockets now.", retry_after=2)
        return Response({"url": found.url, "gateway": found.gateway, "expires_in": queries.EXPIRES_IN_S})
