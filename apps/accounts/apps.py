import importlib

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "apps.accounts"

    def ready(self) -> None:
        # drf-spectacular registers extensions when their module is imported.
        importlib.import_module("apps.accounts.schema")
