from core.api.routers import OptionalSlashRouter
from organizations.api import views

router = OptionalSlashRouter()
router.register("organizations", views.OrganizationViewSet, basename="organization")
router.register("terminal-groups", views.TerminalGroupViewSet, basename="terminal-group")
router.register("couriers", views.CourierViewSet, basename="courier")
router.register("shifts", views.ShiftViewSet, basename="shift")
router.register("stop-list/time-out-of-stock", views.TimeOutOfStockViewSet, basename="time-out-of-stock")
router.register("stop-list", views.StopListViewSet, basename="stop-list")
router.register("logs", views.CallViewSet, basename="call")
urlpatterns = router.urls
