from django.urls import path

from apps.console import views
from apps.core import converters  # noqa: F401 - registers <id:…>

urlpatterns = [
    path("console/<id:workspace_id>", views.OverviewView.as_view()),
    path("console/<id:workspace_id>/members", views.MembersView.as_view()),
    path("console/<id:workspace_id>/invitations", views.InvitationsView.as_view()),
    path("console/<id:workspace_id>/channels", views.ChannelsView.as_view()),
    path("console/<id:workspace_id>/bots", views.BotsView.as_view()),
    path("console/<id:workspace_id>/bots/<id:user_id>", views.BotView.as_view()),
    path("console/<id:workspace_id>/audit", views.AuditView.as_view()),
]
