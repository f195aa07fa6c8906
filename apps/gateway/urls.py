from django.urls import path

from apps.gateway import api

urlpatterns = [path("v1/gateway", api.GatewayView.as_view())]
