from core.api.routers import OptionalSlashRouter
from outbound.api.delivery_views import DeliveryViewSet
from outbound.api.subscription_views import SubscriptionViewSet

router = OptionalSlashRouter()
router.register("subscriptions", SubscriptionViewSet, basename="subscription")
router.register("deliveries", DeliveryViewSet, basename="delivery")
urlpatterns = router.urls
