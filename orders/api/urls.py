from orders.api.views import OrderViewSet
from organizations.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("orders", OrderViewSet, basename="order")
urlpatterns = router.urls
