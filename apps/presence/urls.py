from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.presence import api

urlpatterns = [
    path("v1/me/status", api.StatusView.as_view()),
    path("v1/me/dnd", api.DndView.as_view()),
    path("v1/me/presence", api.MyPresenceView.as_view()),
    path("v1/workspaces/<id:workspace_id>/presence", api.WorkspacePresenceView.as_view()),
]
