from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.workspaces import api

urlpatterns = [
    path("v1/workspaces/<id:workspace_id>/members/<id:user_id>", api.MemberView.as_view()),
    path("v1/workspaces/<id:workspace_id>/invites", api.InvitationListView.as_view()),
    path("v1/workspaces/<id:workspace_id>/invites/<id:invitation_id>", api.InvitationView.as_view()),
    path("v1/workspaces/<id:workspace_id>/audit", api.AuditView.as_view()),
    path("v1/workspaces/<id:workspace_id>/bots", api.BotListView.as_view()),
    path("v1/workspaces/<id:workspace_id>/bots/<id:user_id>", api.BotView.as_view()),
    path("v1/workspaces/<id:workspace_id>/bots/<id:user_id>/tokens", api.BotTokenListView.as_view()),
    path("v1/workspaces/<id:workspace_id>/bots/<id:user_id>/tokens/<id:token_id>", api.BotTokenView.as_view()),
    path("v1/workspaces/<id:workspace_id>/groups", api.GroupListView.as_view()),
    path("v1/workspaces/<id:workspace_id>/groups/<id:group_id>", api.GroupView.as_view()),
    path("v1/workspaces/<id:workspace_id>/groups/<id:group_id>/members", api.GroupPeopleView.as_view()),
    path("v1/workspaces/<id:workspace_id>/groups/<id:group_id>/members/<id:user_id>", api.GroupPersonView.as_view()),
    path("v1/invites/<str:code>", api.InvitationPreviewView.as_view()),
]
