"""An ASGI application for `daphne`, in a process of its own: the real consumer, the rooms below doubled."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")

import django

django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - Django comes first

from apps.accounts import queries as accounts  # noqa: E402
from apps.conversations import queries as conversations  # noqa: E402
from apps.gateway import registry  # noqa: E402
from apps.gateway.routing import websocket_urlpatterns  # noqa: E402
from apps.messaging import actions  # noqa: E402
from tests.unit.gateway.doubles import World  # noqa: E402

world = World()
world.store.fill("c:1", 2)
hub = world.make_hub()
registry.hub = lambda: hub  # type: ignore[assignment]
accounts.authenticate_tokens = world.principals
accounts.ended = world.ended
conversations.access_many = world.access_many
actions.post_message = world.post_message
application = ProtocolTypeRouter({"websocket": URLRouter(websocket_urlpatterns)})
