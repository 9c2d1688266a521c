from core.api.routers import OptionalSlashRouter
from organizations.api.shift_views import ShiftViewSet
from organizations.api.stop_list_views import StopListViewSet, TimeOutOfStockViewSet
from organizations.api.views import (
    CallViewSet,
    CourierViewSet,
    OrganizationViewSet,
    TerminalGroupViewSet,
)

router = OptionalSlashRouter()
router.register("organizations", OrganizationViewSet, basename="organization")
router.register("terminal-groups", TerminalGroupViewSet, basename="terminal-group")
router.register("couriers", CourierViewSet, basename="courier")
router.register("shifts", ShiftViewSet, basename="shift")
router.register("stop-list/time-out-of-stock", TimeOutOfStockViewSet, basename="time-out-of-stock")
router.register("stop-list", StopListViewSet, basename="stop-list")
router.register("logs", CallViewSet, basename="call")
urlpatterns = router.urls
