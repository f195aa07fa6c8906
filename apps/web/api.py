"""REST: what a profile or a workspace is, put together from several rooms."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import queries as accounts
from apps.accounts.api import CURSOR, LIMIT, UserOut, parsed
from apps.accounts.authentication import principal_of, user_of
from apps.accounts.policies import require_scope
from apps.accounts.sizes import LANGUAGE_MAX, NAME_MAX, TIMEZONE_MAX
from apps.conversations import queries as conversations
from apps.core.fields import Id, Text
from apps.web import actions, queries, speech
from apps.workspaces import actions as workspace_actions
from apps.workspaces import policies
from apps.workspaces import queries as workspaces
from apps.workspaces.api import MAX_IDS, MemberPageOut, ids_of, page_of
from apps.workspaces.roles import Role
from apps.workspaces.sizes import NAME_MAX as WORKSPACE_NAME_MAX


class MePatchIn(serializers.Serializer[Any]):
    name = Text(max_length=NAME_MAX, required=False)
    language = Text(max_length=LANGUAGE_MAX, required=False)
    language_automatic = serializers.BooleanField(required=False)
    timezone = Text(max_length=TIMEZONE_MAX, required=False)
    timezone_automatic = serializers.BooleanField(required=False)
    toured = serializers.BooleanField(required=False)


class WorkspaceIn(serializers.Serializer[Any]):
    name = Text(max_length=WORKSPACE_NAME_MAX)


class WorkspacePatchIn(serializers.Serializer[Any]):
    name = Text(max_length=WORKSPACE_NAME_MAX, required=False)
    emoji_by = Text(max_length=10, required=False, help_text="Who may add emoji: members or admins.")
    groups_by = Text(max_length=10, required=False, help_text="Who may make groups: members or admins.")


class WorkspaceOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    slug = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    emoji_by = serializers.ChoiceField(["members", "admins"])
    groups_by = serializers.ChoiceField(["members", "admins"])
    created_at = serializers.IntegerField()
    stream = serializers.CharField()
    seq = serializers.IntegerField(allow_null=True, help_text="null while the message store does not answer")


class WorkspacePageOut(serializers.Serializer[Any]):
    results = WorkspaceOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def _present(member: workspaces.Member) -> dict[str, Any]:
    seqs = queries.workspace_seqs([member.workspace_id])
    return workspaces.present_workspace(member, seq=seqs[member.workspace_id])


class MeView(APIView):
    @extend_schema(responses=UserOut)
    def get(self, request: Request) -> Response:
        return Response(accounts.present_user(user_of(request), private=True))

    @extend_schema(request=MePatchIn, responses=UserOut)
    def patch(self, request: Request) -> Response:
        changes = parsed(MePatchIn, request)
        user = workspace_actions.update_profile(actor=principal_of(request), **changes) if changes else user_of(request)
        answer = Response(accounts.present_user(user, private=True))
        speech.remember(answer, user)
        return answer


class WorkspaceListView(APIView):
    @extend_schema(operation_id="workspaces_list", parameters=[CURSOR, LIMIT], responses=WorkspacePageOut)
    def get(self, request: Request) -> Response:
        page = workspaces.workspaces_of(principal_of(request).user_id, **page_of(request))
        seqs = queries.workspace_seqs(row.workspace_id for row in page.results)
        results = [workspaces.present_workspace(row, seq=seqs[row.workspace_id]) for row in page.results]
        return Response({"results": results, "next_cursor": page.next_cursor})

    @extend_schema(request=WorkspaceIn, responses={201: WorkspaceOut})
    def post(self, request: Request) -> Response:
        member = actions.start_workspace(actor=principal_of(request), **parsed(WorkspaceIn, request))
        return Response(_present(member), status=status.HTTP_201_CREATED)


class WorkspaceView(APIView):
    @extend_schema(responses=WorkspaceOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        return Response(_present(workspaces.membership(workspace_id, principal_of(request).user_id)))

    @extend_schema(request=WorkspacePatchIn, responses=WorkspaceOut)
    def patch(self, request: Request, workspace_id: int) -> Response:
        actor, changes = principal_of(request), parsed(WorkspacePatchIn, request)
        if changes:
            member = workspace_actions.update_workspace(actor=actor, workspace_id=workspace_id, **changes)
        else:
            member = workspaces.membership(workspace_id, actor.user_id)
        return Response(_present(member))


class MemberListView(APIView):
    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Part of a name, or the start of a handle."),
            OpenApiParameter("ids", str, description=f"Only these people: at most {MAX_IDS} ids, comma-separated."),
            CURSOR,
            LIMIT,
        ],
        responses=MemberPageOut,
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        actor = principal_of(request)
        require_scope(actor, "members:read")
        wanted = ids_of(request)
        role = workspaces.member(workspace_id, actor.user_id).role
        page = workspaces.members(
            workspace_id,
            q=request.query_params.get("q", ""),
            ids=wanted,
            among=None
            if policies.can_see_directory(role)
            else conversations.acquainted(workspace_id=workspace_id, user_id=actor.user_id),
            **page_of(request),
        )
        return Response(
            {"results": [workspaces.present_member(row) for row in page.results], "next_cursor": page.next_cursor}
        )


class InvitationAcceptView(APIView):
    @extend_schema(request=None, responses=WorkspaceOut)
    def post(self, request: Request, code: str) -> Response:
        return Response(_present(actions.join_workspace(actor=principal_of(request), code=code)))
