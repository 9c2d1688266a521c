from orders.api.action_views import CommandViewSet
from orders.api.views import OrderViewSet
from organizations.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("orders", OrderViewSet, basename="order")
router.register("commands", CommandViewSet, basename="command")
urlpatterns = router.urls
