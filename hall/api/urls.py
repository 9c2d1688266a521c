from hall.api.views import ReserveViewSet, TableOrderViewSet
from organizations.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("table-orders", TableOrderViewSet, basename="table-order")
router.register("reserves", ReserveViewSet, basename="reserve")
urlpatterns = router.urls
