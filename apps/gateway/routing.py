from django.urls import path

from apps.gateway.consumers import SocketConsumer

SOCKET_PATH = b"/v1/socket"
websocket_urlpatterns = [path(SOCKET_PATH.decode().removeprefix("/"), SocketConsumer.as_asgi())]
