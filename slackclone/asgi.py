"""The ASGI application: HTTP to Django, the socket to the gateway. Any ASGI server serves it; ours serves it faster."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")

from django.core.asgi import get_asgi_application

_http = get_asgi_application()  # first: it sets Django up, which the imports below need

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from apps.gateway.routing import websocket_urlpatterns  # noqa: E402
from apps.messaging.express import Express  # noqa: E402

application = ProtocolTypeRouter({"http": Express(_http), "websocket": URLRouter(websocket_urlpatterns)})
