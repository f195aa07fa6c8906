"""REST: members, invitations, audit log. What also needs the rooms above (channels, seq) is in apps/web/api.py."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import CURSOR, LIMIT, NOTHING, PublicView, StatusOut, parsed
from apps.accounts.authentication import principal_of
from apps.accounts.policies import SCOPES
from apps.accounts.queries import present_bot_token
from apps.accounts.sizes import EMAIL_MAX
from apps.accounts.sizes import NAME_MAX as ACCOUNT_NAME_MAX
from apps.core.errors import InvalidError
from apps.core.fields import Flag, Id, Text, Whole
from apps.core.pagination import parse_limit
from apps.workspaces import actions, queries
from apps.workspaces.roles import Role
from apps.workspaces.sizes import DESCRIPTION_MAX, GROUP_MEMBERS_MAX, HANDLE_MAX


class MemberPatchIn(serializers.Serializer[Any]):
    role = Text(max_length=10, required=False)
    active = Flag(required=False)
    handle = Text(max_length=HANDLE_MAX + 1, required=False)


class InviteIn(serializers.Serializer[Any]):
    email = Text(max_length=EMAIL_MAX, required=False, allow_null=True)
    role = Text(max_length=10, required=False)
    max_uses = Whole(required=False, allow_null=True, help_text="Default 100; with an email always 1.")
    expires_in = Whole(required=False, allow_null=True, help_text="Seconds; default 14 days.")


class MemberOut(serializers.Serializer[Any]):
    user_id = Id()
    name = serializers.CharField()
    handle = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    is_bot = serializers.BooleanField()
    active = serializers.BooleanField()
    joined_at = serializers.IntegerField()
    timezone = serializers.CharField(allow_blank=True, help_text='Of the tz database; "" when it is not known.')
    status = StatusOut(allow_null=True)


class MemberPageOut(serializers.Serializer[Any]):
    results = MemberOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class InvitationOut(serializers.Serializer[Any]):
    id = Id()
    email = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(Role.choices)
    inviter_id = Id()
    created_at = serializers.IntegerField()
    expires_at = serializers.IntegerField()
    uses = serializers.IntegerField()
    max_uses = serializers.IntegerField()


class NewInvitationOut(InvitationOut):
    code = serializers.CharField(help_text="Shown only now.")
    url = serializers.CharField(help_text="Shown only now.")


class InvitationPageOut(serializers.Serializer[Any]):
    results = InvitationOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class NamedWorkspaceOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()


class PreviewOut(serializers.Serializer[Any]):
    workspace = NamedWorkspaceOut()
    inviter = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)


class AuditEntryOut(serializers.Serializer[Any]):
    id = Id()
    actor_id = Id(allow_null=True)
    action = serializers.CharField()
    target = serializers.CharField()
    detail = serializers.DictField()
    at = serializers.IntegerField()


class AuditPageOut(serializers.Serializer[Any]):
    results = AuditEntryOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class BotTokenIn(serializers.Serializer[Any]):
    name = Text(max_length=ACCOUNT_NAME_MAX)
    scopes = serializers.ListField(child=serializers.ChoiceField(sorted(SCOPES)), max_length=len(SCOPES))


class BotTokenOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="The first characters, to recognise it by.")
    scopes = serializers.ListField(child=serializers.ChoiceField(sorted(SCOPES)))
    created_at = serializers.IntegerField()
    last_used_at = serializers.IntegerField(allow_null=True)


class BotTokenListOut(serializers.Serializer[Any]):
    results = BotTokenOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class NewBotTokenOut(serializers.Serializer[Any]):
    token = BotTokenOut()
    secret = serializers.CharField(help_text="Shown only now.")


class NewBotOut(NewBotTokenOut):
    bot = MemberOut()


def page_of(request: Request) -> dict[str, Any]:
    """`cursor` and `limit` of a list. Raises InvalidError."""
    cursor = request.query_params.get("cursor")
    if cursor is not None and len(cursor) > 2000:  # noqa: PLR2004 - longer than any that we make
        raise InvalidError(errors={"cursor": ["not a cursor from an earlier page"]})
    return {"cursor": cursor, "limit": parse_limit(request.query_params.get("limit"))}


MAX_IDS = 100


def ids_of(request: Request) -> list[int] | None:
    """`ids` of a list: comma-separated, at most MAX_IDS; None when it is not there. Raises InvalidError."""
    text = request.query_params.get("ids")
    if text is None:
        return None
    parts = text.split(",", MAX_IDS)
    if len(parts) > MAX_IDS:
        raise InvalidError(errors={"ids": [f"at most {MAX_IDS}"]})
    try:
        return [Id().to_internal_value(part) for part in parts]
    except serializers.ValidationError as error:
        raise InvalidError(errors={"ids": ["ids, comma-separated"]}) from error


class MemberView(APIView):
    @extend_schema(request=MemberPatchIn, responses=MemberOut)
    def patch(self, request: Request, workspace_id: int, user_id: int) -> Response:
        member = actions.update_member(
            actor=principal_of(request), workspace_id=workspace_id, user_id=user_id, **parsed(MemberPatchIn, request)
        )
        return Response(queries.present_member(member))


class InvitationListView(APIView):
    @extend_schema(request=InviteIn, responses={201: NewInvitationOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        made = actions.create_invite(
            actor=principal_of(request), workspace_id=workspace_id, **parsed(InviteIn, request)
        )
        return Response(
            queries.present_invitation(made.invitation) | {"code": made.code, "url": made.url},
            status=status.HTTP_201_CREATED,
        )

    @extend_schema(parameters=[CURSOR, LIMIT], responses=InvitationPageOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = queries.visible_invitations(actor=principal_of(request), workspace_id=workspace_id, **page_of(request))
        return Response(
            {"results": [queries.present_invitation(row) for row in page.results], "next_cursor": page.next_cursor}
        )


class InvitationView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, workspace_id: int, invitation_id: int) -> Response:
        actions.revoke_invite(actor=principal_of(request), workspace_id=workspace_id, invitation_id=invitation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationPreviewView(PublicView):
    @extend_schema(responses=PreviewOut, auth=[])
    def get(self, request: Request, code: str) -> Response:  # noqa: ARG002 - Django's signature
        found = queries.preview(code)
        return Response(
            {
                "workspace": {"id": str(found.workspace.pk), "name": found.workspace.name},
                "inviter": found.inviter,
                "role": found.role,
            }
        )


class AuditView(APIView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=AuditPageOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = queries.visible_audit(actor=principal_of(request), workspace_id=workspace_id, **page_of(request))
        return Response(
            {"results": [queries.present_audit(row) for row in page.results], "next_cursor": page.next_cursor}
        )


class BotListView(APIView):
    @extend_schema(request=BotTokenIn, responses={201: NewBotOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        bot, token, secret = actions.create_bot(
            actor=principal_of(request), workspace_id=workspace_id, **parsed(BotTokenIn, request)
        )
        return Response(
            {"bot": queries.present_member(bot), "token": present_bot_token(token), "secret": secret},
            status=status.HTTP_201_CREATED,
        )

    @extend_schema(parameters=[CURSOR, LIMIT], responses=MemberPageOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = queries.visible_bots(actor=principal_of(request), workspace_id=workspace_id, **page_of(request))
        return Response(
            {"results": [queries.present_member(row) for row in page.results], "next_cursor": page.next_cursor}
        )


class BotView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, workspace_id: int, user_id: int) -> Response:
        actions.remove_bot(actor=principal_of(request), workspace_id=workspace_id, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BotTokenListView(APIView):
    @extend_schema(request=BotTokenIn, responses={201: NewBotTokenOut})
    def post(self, request: Request, workspace_id: int, user_id: int) -> Response:
        token, secret = actions.issue_bot_token(
            actor=principal_of(request), workspace_id=workspace_id, user_id=user_id, **parsed(BotTokenIn, request)
        )
        return Response({"token": present_bot_token(token), "secret": secret}, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BotTokenListOut)
    def get(self, request: Request, workspace_id: int, user_id: int) -> Response:
        rows = queries.visible_bot_tokens(actor=principal_of(request), workspace_id=workspace_id, user_id=user_id)
        return Response({"results": [present_bot_token(row) for row in rows], "next_cursor": None})


class BotTokenView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, workspace_id: int, user_id: int, token_id: int) -> Response:
        actions.revoke_bot_token(
            actor=principal_of(request), workspace_id=workspace_id, user_id=user_id, token_id=token_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class GroupIn(serializers.Serializer[Any]):
    handle = Text(max_length=HANDLE_MAX + 1)
    name = Text(max_length=ACCOUNT_NAME_MAX)
    description = Text(max_length=DESCRIPTION_MAX, required=False, allow_blank=True)
    user_ids = serializers.ListField(child=Id(), max_length=GROUP_MEMBERS_MAX, required=False)


class GroupPatchIn(serializers.Serializer[Any]):
    handle = Text(max_length=HANDLE_MAX + 1, required=False)
    name = Text(max_length=ACCOUNT_NAME_MAX, required=False)
    description = Text(max_length=DESCRIPTION_MAX, required=False, allow_blank=True)
    archived = Flag(required=False)


class GroupPeopleIn(serializers.Serializer[Any]):
    user_ids = serializers.ListField(child=Id(), max_length=GROUP_MEMBERS_MAX)


class GroupOut(serializers.Serializer[Any]):
    id = Id()
    handle = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    archived = serializers.BooleanField()
    member_count = serializers.IntegerField()
    created_at = serializers.IntegerField()
    mine = serializers.BooleanField(help_text="Whether the asker is in it.")


class GroupPageOut(serializers.Serializer[Any]):
    results = GroupOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class GroupListView(APIView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=GroupPageOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        page = queries.visible_groups(actor=principal_of(request), workspace_id=workspace_id, **page_of(request))
        return Response({"results": page.results, "next_cursor": page.next_cursor})

    @extend_schema(request=GroupIn, responses={201: GroupOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        actor = principal_of(request)
        made = actions.create_group(actor=actor, workspace_id=workspace_id, **parsed(GroupIn, request))
        seen = queries.visible_group(actor=actor, workspace_id=workspace_id, group_id=made.pk)
        return Response(seen, status=status.HTTP_201_CREATED)


class GroupView(APIView):
    @extend_schema(responses=GroupOut)
    def get(self, request: Request, workspace_id: int, group_id: int) -> Response:
        return Response(
            queries.visible_group(actor=principal_of(request), workspace_id=workspace_id, group_id=group_id)
        )

    @extend_schema(request=GroupPatchIn, responses=GroupOut)
    def patch(self, request: Request, workspace_id: int, group_id: int) -> Response:
        actor, changes = principal_of(request), parsed(GroupPatchIn, request)
        actions.update_group(actor=actor, workspace_id=workspace_id, group_id=group_id, **changes)
        return Response(queries.visible_group(actor=actor, workspace_id=workspace_id, group_id=group_id))


class GroupPeopleView(APIView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=MemberPageOut)
    def get(self, request: Request, workspace_id: int, group_id: int) -> Response:
        page = queries.people_of_group(
            actor=principal_of(request), workspace_id=workspace_id, group_id=group_id, **page_of(request)
        )
        return Response(
            {"results": [queries.present_member(row) for row in page.results], "next_cursor": page.next_cursor}
        )

    @extend_schema(request=GroupPeopleIn, responses=GroupOut)
    def post(self, request: Request, workspace_id: int, group_id: int) -> Response:
        actor, asked = principal_of(request), parsed(GroupPeopleIn, request)
        actions.add_to_group(actor=actor, workspace_id=workspace_id, group_id=group_id, **asked)
        return Response(queries.visible_group(actor=actor, workspace_id=workspace_id, group_id=group_id))


class GroupPersonView(APIView):
    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, workspace_id: int, group_id: int, user_id: int) -> Response:
        actions.remove_from_group(
            actor=principal_of(request), workspace_id=workspace_id, group_id=group_id, user_id=user_id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
