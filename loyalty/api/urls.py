from django.urls import re_path

from core.api.routers import OptionalSlashRouter
from loyalty.api.views import (
    CancelHoldView,
    CustomerView,
    HoldView,
    OperationViewSet,
    TopUpView,
    WithdrawView,
)

router = OptionalSlashRouter()
router.register("loyalty/operations", OperationViewSet, basename="loyalty-operation")
urlpatterns = [
    re_path(r"^loyalty/topup/?$", TopUpView.as_view(), name="loyalty-topup"),
    re_path(r"^loyalty/withdraw/?$", WithdrawView.as_view(), name="loyalty-withdraw"),
    re_path(r"^loyalty/hold/?$", HoldView.as_view(), name="loyalty-hold"),
    re_path(
        r"^loyalty/holds/(?P<transaction_id>[^/]{1,200})/cancel/?$",
        CancelHoldView.as_view(),
        name="loyalty-cancel-hold",
    ),
    re_path(r"^loyalty/customers/?$", CustomerView.as_view(), name="loyalty-customers"),
    *router.urls,
]
