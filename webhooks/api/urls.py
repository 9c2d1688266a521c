from django.urls import re_path

from core.api.routers import OptionalSlashRouter
from webhooks.api.receive_view import ReceiveView
from webhooks.api.views import ConfigViewSet, EventViewSet

router = OptionalSlashRouter()
router.register("webhooks/events", EventViewSet, basename="event")
router.register("webhooks/configs", ConfigViewSet, basename="webhook-config")
urlpatterns = [re_path(r"^webhooks/iiko/?$", ReceiveView.as_view(), name="receive"), *router.urls]
