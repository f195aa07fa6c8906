"""REST: bots of a workspace and their tokens, for its admins. What bots do, they do through the other doors."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import queries as accounts
from apps.accounts.api import CURSOR, LIMIT, NOTHING, parsed
from apps.accounts.authentication import principal_of
from apps.accounts.policies import SCOPES
from apps.accounts.sizes import NAME_MAX
from apps.core.fields import Id, Text
from apps.workspaces import actions, queries
from apps.workspaces.api import MemberOut, MemberPageOut, page_of

MAX_SCOPES = 20
SCOPE_MAX = 40


class TokenIn(serializers.Serializer[Any]):
    name = Text(max_length=NAME_MAX)
    scopes = serializers.ListField(
        child=Text(max_length=SCOPE_MAX), max_length=MAX_SCOPES, help_text=f"Of {', '.join(sorted(SCOPES))}."
    )


class TokenOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.IntegerField()
    last_used_at = serializers.IntegerField(allow_null=True)


class NewTokenOut(serializers.Serializer[Any]):
    token = TokenOut()
    secret = serializers.CharField(help_text="Shown only now.")


class NewBotOut(NewTokenOut):
    bot = MemberOut()


class TokenListOut(serializers.Serializer[Any]):
    results = TokenOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class BotListView(APIView):
    @extend_schema(operation_id="bots_list", parameters=[CURSOR, LIMIT], responses=MemberPageOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = queries.visible_bots(actor=principal_of(request), workspace_id=workspace_id, **page_of(request))
        return Response(
            {"results": [queries.present_member(bot) for bot in page.results], "next_cursor": page.next_cursor}
        )

    @extend_schema(request=TokenIn, responses={201: NewBotOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        bot, token, secret = actions.create_bot(
            actor=principal_of(request), workspace_id=workspace_id, **parsed(TokenIn, request)
        )
        return Response(
            {"bot": queries.present_member(bot), "token": accounts.present_bot_token(token), "secret": secret},
            status=status.HTTP_201_CREATED,
        )


class BotView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, workspace_id: int, user_id: int) -> Response:
        actions.remove_bot(actor=principal_of(request), workspace_id=workspace_id, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BotTokenListView(APIView):
    @extend_schema(operation_id="bot_tokens_list", responses=TokenListOut)
    def get(self, request: Request, workspace_id: int, user_id: int) -> Response:
        """All live tokens of the bot at once: an action keeps their number small."""
        found = queries.visible_bot_tokens(actor=principal_of(request), workspace_id=workspace_id, user_id=user_id)
        return Response({"results": [accounts.present_bot_token(token) for token in found], "next_cursor": None})

    @extend_schema(request=TokenIn, responses={201: NewTokenOut})
    def post(self, request: Request, workspace_id: int, user_id: int) -> Response:
        token, secret = actions.issue_bot_token(
            actor=principal_of(request), workspace_id=workspace_id, user_id=user_id, **parsed(TokenIn, request)
        )
        return Response({"token": accounts.present_bot_token(token), "secret": secret}, status=status.HTTP_201_CREATED)


class BotTokenView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, workspace_id: int, user_id: int, token_id: int) -> Response:
        actions.revoke_bot_token(
            actor=principal_of(request), workspace_id=workspace_id, user_id=user_id, token_id=token_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
