from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.web import channels_api as api

urlpatterns = [
    path("v1/workspaces/<id:workspace_id>/channels", api.ChannelListView.as_view()),
    path("v1/channels/<id:channel_id>", api.ChannelView.as_view()),
    path("v1/channels/<id:channel_id>/join", api.JoinView.as_view()),
    path("v1/channels/<id:channel_id>/leave", api.LeaveView.as_view()),
    path("v1/channels/<id:channel_id>/archive", api.ArchiveView.as_view()),
    path("v1/channels/<id:channel_id>/unarchive", api.UnarchiveView.as_view()),
    path("v1/channels/<id:channel_id>/members", api.ChannelMemberListView.as_view()),
    path("v1/channels/<id:channel_id>/members/<id:user_id>", api.ChannelMemberView.as_view()),
]
