from core.api.routers import OptionalSlashRouter
from hall.api.views import ReserveViewSet, TableOrderViewSet

router = OptionalSlashRouter()
router.register("table-orders", TableOrderViewSet, basename="table-order")
router.register("reserves", ReserveViewSet, basename="reserve")
urlpatterns = router.urls
