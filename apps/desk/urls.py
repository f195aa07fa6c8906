from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.desk import api

urlpatterns = [
    path("v1/me/drafts", api.DraftListView.as_view()),
    path("v1/channels/<id:channel_id>/draft", api.DraftView.as_view()),
    path("v1/messages/<id:message_id>/saved", api.SavedView.as_view()),
    path("v1/workspaces/<id:workspace_id>/saved", api.SavedListView.as_view()),
    path("v1/workspaces/<id:workspace_id>/scheduled", api.ScheduledListView.as_view()),
    path("v1/scheduled/<id:scheduled_id>", api.ScheduledView.as_view()),
    path("v1/scheduled/<id:scheduled_id>/send", api.SendNowView.as_view()),
    path("v1/workspaces/<id:workspace_id>/reminders", api.ReminderListView.as_view()),
    path("v1/reminders/<id:reminder_id>", api.ReminderView.as_view()),
    path("v1/workspaces/<id:workspace_id>/sidebar", api.SidebarView.as_view()),
]
