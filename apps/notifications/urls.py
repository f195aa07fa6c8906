from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.notifications import api, views

urlpatterns = [
    path("v1/workspaces/<id:workspace_id>/notifications", api.PreferenceView.as_view()),
    path("v1/channels/<id:channel_id>/notifications", api.ChannelPreferenceView.as_view()),
    path("v1/me/devices", api.DeviceListView.as_view()),
    path("v1/me/devices/test", api.DeviceTestView.as_view()),
    path("v1/me/devices/<id:device_id>", api.DeviceView.as_view()),
    path("v1/push/key", api.PushKeyView.as_view()),
    path("notifications/unsubscribe/<str:token>", views.unsubscribe_view),
]
