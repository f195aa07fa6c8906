"""Every path of the product, room by room."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns = [
    path("", include("apps.accounts.urls")),
    path("", include("apps.workspaces.urls")),
    path("", include("apps.files.urls")),
    path("", include("apps.emoji.urls")),
    path("", include("apps.messaging.urls")),
    path("", include("apps.notifications.urls")),
    path("", include("apps.search.urls")),
    path("", include("apps.previews.urls")),
    path("", include("apps.presence.urls")),
    path("", include("apps.desk.urls")),
    path("", include("apps.reads.urls")),
    path("", include("apps.canvas.urls")),
    path("", include("apps.web.channels_urls")),
    path("", include("apps.web.urls")),
    path("", include("apps.console.urls")),
    path("", include("apps.gateway.urls")),
    path("", include("apps.botapi.urls")),
    path("v1/schema", SpectacularAPIView.as_view(permission_classes=[]), name="schema"),
    path("v1/docs", SpectacularSwaggerSplitView.as_view(url_name="schema", permission_classes=[]), name="docs"),
]
handler400 = "apps.web.views.bad_request"
handler403 = "apps.web.views.forbidden"
handler404 = "apps.web.views.not_found"
handler500 = "apps.web.views.server_error"
