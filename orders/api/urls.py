from core.api.routers import OptionalSlashRouter
from orders.api.action_views import CommandViewSet
from orders.api.views import OrderViewSet

router = OptionalSlashRouter()
router.register("orders", OrderViewSet, basename="order")
router.register("commands", CommandViewSet, basename="command")
urlpatterns = router.urls
