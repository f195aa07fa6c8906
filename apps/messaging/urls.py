from django.urls import path

from apps.messaging import api

urlpatterns = [
    path("v1/messages", api.MessageListView.as_view()),
    path("v1/messages/<int:message_id>", api.MessageView.as_view()),
    path("v1/messages/<int:message_id>/history", api.VersionsView.as_view()),
    path("v1/messages/<int:message_id>/reactions/<str:emoji>", api.ReactionView.as_view()),
    path("v1/messages/<int:message_id>/replies", api.RepliesView.as_view()),
    path("v1/messages/<int:message_id>/follow", api.FollowView.as_view()),
    path("v1/workspaces/<int:workspace_id>/threads", api.ThreadListView.as_view()),
    path("v1/channels/<int:channel_id>/messages", api.HistoryView.as_view()),
]
