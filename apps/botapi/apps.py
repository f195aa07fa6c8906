from django.apps import AppConfig


class BotapiConfig(AppConfig):
    name = "apps.botapi"
