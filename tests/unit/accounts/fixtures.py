"""Shared by the suites of accounts, workspaces and web: people, a fresh limiter, and Celery within the call."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts import actions
from apps.accounts.client import Client
from apps.accounts.models import User
from apps.accounts.principal import Principal
from apps.core import registry
from slackclone.celery import app as celery

PASSWORD = "correct horse 7 battery"
CLIENT = Client(ip="192.0.2.7", user_agent="tests")


@pytest.fixture(autouse=True)
def quick(settings: Any) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    registry.rate_limiter.cache_clear()
    eager = celery.conf.task_always_eager
    celery.conf.task_always_eager = True
    yield
    celery.conf.task_always_eager = eager
    registry.rate_limiter.cache_clear()


MakeUser = Callable[..., User]


@pytest.fixture
def make_user(db: None) -> MakeUser:
    def make(name: str = "Ann Lee", email: str | None = None) -> User:
        address = email or f"{name.lower().replace(' ', '.')}@example.com"
        user = User(name=name, email=address)
        user.set_password(PASSWORD)
        user.save()
        return user

    return make


@pytest.fixture
def ann(make_user: MakeUser) -> User:
    return make_user("Ann Lee")


@pytest.fixture
def bob(make_user: MakeUser) -> User:
    return make_user("Bob Ray")


def person(user: User) -> Principal:
    return Principal(user_id=user.pk)


def signed_in(user: User) -> APIClient:
    """A REST client with a token of its own."""
    client = APIClient()
    pair = actions.open_api_session(user=user, client=CLIENT)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    return client
