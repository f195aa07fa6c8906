from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.files import api, views

urlpatterns = [
    path("v1/files", api.UploadListView.as_view()),
    path("v1/files/<id:file_id>", api.UploadView.as_view()),
    path("v1/files/<id:file_id>/content", api.UploadBytesView.as_view()),
    path("v1/channels/<id:channel_id>/files", api.ChannelFilesView.as_view()),
    path("files/<id:file_id>/<str:name>", views.serve),
]
