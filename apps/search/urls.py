from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.search import api

urlpatterns = [path("v1/workspaces/<id:workspace_id>/search", api.SearchView.as_view())]
