from django.urls import path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.emoji import api

urlpatterns = [
    path("v1/workspaces/<id:workspace_id>/emoji", api.EmojiListView.as_view()),
    path("v1/workspaces/<id:workspace_id>/emoji/<str:name>", api.EmojiView.as_view()),
    path("v1/emoji/<id:emoji_id>", api.EmojiImageView.as_view()),
]
