from django.urls import path

from apps.accounts import api
from apps.core import converters  # noqa: F401 - registers <id:…>

urlpatterns = [
    path("v1/auth/signup", api.SignUpView.as_view()),
    path("v1/auth/token", api.TokenView.as_view()),
    path("v1/auth/token/refresh", api.TokenRefreshView.as_view()),
    path("v1/auth/signout", api.SignOutView.as_view()),
    path("v1/auth/password/reset", api.PasswordResetView.as_view()),
    path("v1/auth/password/reset/confirm", api.PasswordResetConfirmView.as_view()),
    path("v1/me/sessions", api.SessionListView.as_view()),
    path("v1/me/sessions/<id:session_id>", api.SessionView.as_view()),
    path("v1/me/password", api.PasswordView.as_view()),
]
