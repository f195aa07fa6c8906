from django.urls import path

from apps.botapi import api
from apps.core import converters  # noqa: F401 - registers <id:…>

_BOT = "v1/workspaces/<id:workspace_id>/bots/<id:user_id>"

urlpatterns = [
    path("v1/workspaces/<id:workspace_id>/bots", api.BotListView.as_view()),
    path(_BOT, api.BotView.as_view()),
    path(f"{_BOT}/tokens", api.BotTokenListView.as_view()),
    path(f"{_BOT}/tokens/<id:token_id>", api.BotTokenView.as_view()),
]
