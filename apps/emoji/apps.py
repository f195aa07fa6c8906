from django.apps import AppConfig


class EmojiConfig(AppConfig):
    name = "apps.emoji"
