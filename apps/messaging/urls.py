from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.messaging import api

urlpatterns = [
    path("v1/messages", api.MessageListView.as_view()),
    path("v1/messages/<id:message_id>", api.MessageView.as_view()),
    path("v1/messages/<id:message_id>/history", api.VersionsView.as_view()),
    path("v1/messages/<id:message_id>/reactions/<str:emoji>", api.ReactionView.as_view()),
    path("v1/messages/<id:message_id>/replies", api.RepliesView.as_view()),
    path("v1/messages/<id:message_id>/pin", api.PinView.as_view()),
    path("v1/channels/<id:channel_id>/pins", api.PinListView.as_view()),
    path("v1/messages/<id:message_id>/follow", api.FollowView.as_view()),
    path("v1/workspaces/<id:workspace_id>/threads", api.ThreadListView.as_view()),
    path("v1/channels/<id:channel_id>/messages", api.HistoryView.as_view()),
]
