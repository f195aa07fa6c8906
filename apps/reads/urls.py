from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.reads import api

urlpatterns = [
    path("v1/workspaces/<id:workspace_id>/unreads", api.UnreadsView.as_view()),
    path("v1/workspaces/<id:workspace_id>/activity", api.ActivityView.as_view()),
    path("v1/workspaces/<id:workspace_id>/read", api.AllReadView.as_view()),
    path("v1/channels/<id:channel_id>/marker", api.ChannelMarkerView.as_view()),
    path("v1/channels/<id:channel_id>/first-unread", api.FirstUnreadView.as_view()),
    path("v1/messages/<id:message_id>/marker", api.ThreadMarkerView.as_view()),
    path("v1/messages/<id:message_id>/unread", api.MarkUnreadView.as_view()),
]
