from organizations.api.routers import OptionalSlashRouter
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
router.register("logs", CallViewSet, basename="call")
urlpatterns = router.urls
