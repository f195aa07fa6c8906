"""The hub and the table of gateways of this process."""

import functools
import os
import resource
import socket

from django.conf import settings
from django.utils.module_loading import import_string

from apps.eventlog.registry import broadcast, tail
from apps.gateway.hot import Limits
from apps.gateway.hub import Hub
from apps.gateway.notified import Notifications
from apps.gateway.ports import Gateways, Notified
from apps.gateway.presence import Presence, load
from apps.gateway.presenter import MessagingPresenter
from apps.gateway.proofs import Proofs
from apps.messaging.registry import store
from apps.presence.chatter import Chatter
from apps.presence.engine import Engine
from apps.presence.registry import presence

_OTHER_FILES = 512  # what a process needs besides its sockets


@functools.cache
def hub() -> Hub:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    made = Hub(
        gateway=settings.GATEWAY_ID or f"{socket.gethostname()}-{os.getpid()}",
        store=store,
        broadcast=broadcast,
        tail=tail,
        presenter=MessagingPresenter(),
        notified=notified,
        max_sockets=min(settings.GATEWAY_MAX_CONNECTIONS, max(files - _OTHER_FILES, files // 2)),
        queue_bytes=settings.SOCKET_QUEUE_BYTES,
        stalled_s=settings.SOCKET_STALLED_S,
        heartbeat_s=settings.HEARTBEAT_S,
        ack_deadline_s=settings.ACK_DEADLINE_S,
        hot_limits=Limits(settings.HOT_DELIVERIES_PER_S, settings.HOT_FOLLOWERS),
    )
    made.presence = Presence(
        Engine(made.gateway, presence=presence, broadcast=broadcast, load=load),
        Chatter(
            broadcast=broadcast,
            signal=lambda stream, data: made.signal(stream, "typing", {"typing": data}),
            followers=made.followers,
            max_followers=settings.TYPING_MAX_FOLLOWERS,
        ),
    )
    return made


@functools.cache
def notified() -> Notified:
    return Notifications()


@functools.cache
def gateways() -> Gateways:
    backend: Gateways = import_string(settings.GATEWAYS)()
    return backend


@functools.cache
def proofs() -> Proofs:
    return Proofs()
