from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.previews import api

urlpatterns = [path("v1/messages/<id:message_id>/previews", api.PreviewsView.as_view())]
