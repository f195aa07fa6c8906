"""REST: /v1/auth/… and /v1/me/…."""

from typing import Any

from django.contrib.auth import logout
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import actions, queries
from apps.accounts.actions import TokenPair
from apps.accounts.authentication import principal_of
from apps.accounts.client import client_of
from apps.accounts.sizes import EMAIL_MAX, NAME_MAX, PASSWORD_MAX
from apps.core import pagination
from apps.core.fields import Id, Text

TOKEN_MAX = 200


class SignUpIn(serializers.Serializer[Any]):
    email = Text(max_length=EMAIL_MAX)
    password = Text(max_length=PASSWORD_MAX)
    name = Text(max_length=NAME_MAX)


class SignInIn(serializers.Serializer[Any]):
    email = Text(max_length=EMAIL_MAX)
    password = Text(max_length=PASSWORD_MAX)


class RefreshIn(serializers.Serializer[Any]):
    refresh = Text(max_length=TOKEN_MAX)


class ResetIn(serializers.Serializer[Any]):
    email = Text(max_length=EMAIL_MAX)


class ResetConfirmIn(serializers.Serializer[Any]):
    uid = Text(max_length=TOKEN_MAX)
    token = Text(max_length=TOKEN_MAX)
    password = Text(max_length=PASSWORD_MAX)


class PasswordIn(serializers.Serializer[Any]):
    current = Text(max_length=PASSWORD_MAX)
    password = Text(max_length=PASSWORD_MAX)


class TokensOut(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    expires_in = serializers.IntegerField()


class StatusOut(serializers.Serializer[Any]):
    emoji = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)
    expires_at = serializers.IntegerField(allow_null=True)


class UserOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    is_bot = serializers.BooleanField()
    created_at = serializers.IntegerField()
    timezone = serializers.CharField(allow_blank=True, help_text='Of the tz database; "" when it is not known.')
    timezone_automatic = serializers.BooleanField(help_text="The client keeps it as the browser has it.")
    language = serializers.CharField(allow_blank=True, help_text='"" when it is not known.')
    language_automatic = serializers.BooleanField(help_text="The client keeps it as the browser has it.")
    toured = serializers.BooleanField(help_text="Was shown around the page.")
    status = StatusOut(allow_null=True)


class SignUpOut(TokensOut):
    user = UserOut()


class SessionOut(serializers.Serializer[Any]):
    id = Id()
    kind = serializers.ChoiceField(["browser", "api"])
    user_agent = serializers.CharField()
    ip = serializers.CharField(allow_null=True)
    created_at = serializers.IntegerField()
    last_seen_at = serializers.IntegerField()
    current = serializers.BooleanField()


class SessionPageOut(serializers.Serializer[Any]):
    results = SessionOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


NOTHING = OpenApiResponse(description="Done.")
CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the page before.")
LIMIT = OpenApiParameter("limit", int, description=f"1 to {pagination.MAX_LIMIT}, default 50.")


def parsed(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The checked body. Raises DRF's ValidationError."""
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    found: dict[str, Any] = form.validated_data
    return found


def _present_pair(pair: TokenPair) -> dict[str, Any]:
    return {"access": pair.access, "refresh": pair.refresh, "expires_in": pair.expires_in}


class PublicView(APIView):
    """Looks at no proof at all, so that a dead token in the request does no harm."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class SignUpView(PublicView):
    @extend_schema(request=SignUpIn, responses={201: SignUpOut}, auth=[])
    def post(self, request: Request) -> Response:
        client = client_of(request)
        user = actions.sign_up(**parsed(SignUpIn, request), client=client)
        pair = actions.open_api_session(user=user, client=client)
        return Response(
            {"user": queries.present_user(user, private=True)} | _present_pair(pair), status=status.HTTP_201_CREATED
        )


class TokenView(PublicView):
    @extend_schema(request=SignInIn, responses=TokensOut, auth=[])
    def post(self, request: Request) -> Response:
        client = client_of(request)
        user = actions.sign_in(**parsed(SignInIn, request), client=client)
        return Response(_present_pair(actions.open_api_session(user=user, client=client)))


class TokenRefreshView(PublicView):
    @extend_schema(request=RefreshIn, responses=TokensOut, auth=[])
    def post(self, request: Request) -> Response:
        return Response(_present_pair(actions.refresh_tokens(**parsed(RefreshIn, request), client=client_of(request))))


class SignOutView(APIView):
    @extend_schema(request=None, responses={204: NOTHING})
    def post(self, request: Request) -> Response:
        actions.sign_out(actor=principal_of(request))
        if "HTTP_AUTHORIZATION" not in request.META:
            logout(request._request)  # noqa: SLF001 - drops the cookie as well
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordResetView(PublicView):
    @extend_schema(request=ResetIn, responses={202: NOTHING}, auth=[])
    def post(self, request: Request) -> Response:
        actions.request_password_reset(**parsed(ResetIn, request), client=client_of(request))
        return Response(status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(PublicView):
    @extend_schema(request=ResetConfirmIn, responses={204: NOTHING}, auth=[])
    def post(self, request: Request) -> Response:
        actions.reset_password(**parsed(ResetConfirmIn, request), client=client_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionListView(APIView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=SessionPageOut)
    def get(self, request: Request) -> Response:
        actor = principal_of(request)
        page = queries.sessions(
            actor.user_id,
            cursor=request.query_params.get("cursor"),
            limit=pagination.parse_limit(request.query_params.get("limit")),
        )
        return Response(
            {
                "results": [queries.present_session(row, current_id=actor.session_id) for row in page.results],
                "next_cursor": page.next_cursor,
            }
        )


class SessionView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, session_id: int) -> Response:
        actions.revoke_session(actor=principal_of(request), session_id=session_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(APIView):
    @extend_schema(request=PasswordIn, responses={204: NOTHING})
    def post(self, request: Request) -> Response:
        actor = principal_of(request)
        actions.change_password(actor=actor, **parsed(PasswordIn, request))
        return Response(status=status.HTTP_204_NO_CONTENT)
