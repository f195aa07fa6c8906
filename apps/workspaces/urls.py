from django.urls import path

from apps.workspaces import api

urlpatterns = [
    path("v1/workspaces/<int:workspace_id>/members/<int:user_id>", api.MemberView.as_view()),
    path("v1/workspaces/<int:workspace_id>/invites", api.InvitationListView.as_view()),
    path("v1/workspaces/<int:workspace_id>/invites/<int:invitation_id>", api.InvitationView.as_view()),
    path("v1/workspaces/<int:workspace_id>/audit", api.AuditView.as_view()),
    path("v1/invites/<str:code>", api.InvitationPreviewView.as_view()),
]
