from django.urls import path, re_path

from apps.core import converters  # noqa: F401 - registers <id:…>
from apps.web import api, views

urlpatterns = [
    path("", views.app),
    re_path(r"^w(?:/(?P<path>.*))?$", views.app),
    path("sw.js", views.service_worker),
    path("shell", views.kept_page),
    path("manifest.webmanifest", views.web_manifest),
    path("signin", views.sign_in),
    path("signup", views.sign_up),
    path("signout", views.sign_out),
    path("password/reset", views.password_reset),
    path("password/reset/<str:uid>/<str:token>", views.password_reset_confirm),
    path("invite/<str:code>", views.invitation),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("v1/me", api.MeView.as_view()),
    path("v1/workspaces", api.WorkspaceListView.as_view()),
    path("v1/workspaces/<id:workspace_id>", api.WorkspaceView.as_view()),
    path("v1/workspaces/<id:workspace_id>/members", api.MemberListView.as_view()),
    path("v1/invites/<str:code>/accept", api.InvitationAcceptView.as_view()),
]
