from django.urls import path

from apps.canvas import api
from apps.core import converters  # noqa: F401 - registers <id:…>

urlpatterns = [
    path("v1/channels/<id:channel_id>/canvas", api.CanvasView.as_view()),
    path("v1/channels/<id:channel_id>/canvas/versions", api.VersionListView.as_view()),
    path("v1/channels/<id:channel_id>/canvas/versions/<id:n>", api.VersionView.as_view()),
    path("v1/channels/<id:channel_id>/canvas/restore", api.RestoreView.as_view()),
]
