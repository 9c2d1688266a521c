from analytics.api.views import AnalyticsViewSet
from core.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("analytics", AnalyticsViewSet, basename="analytics")
urlpatterns = router.urls
