from attention.api.views import AttentionViewSet
from core.api.routers import OptionalSlashRouter

router = OptionalSlashRouter()
router.register("attention", AttentionViewSet, basename="attention")
urlpatterns = router.urls
