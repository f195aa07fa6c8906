from django.urls import path

from apps.gateway.consumers import SocketConsumer

websocket_urlpatterns = [path("v1/socket", SocketConsumer.as_asgi())]
