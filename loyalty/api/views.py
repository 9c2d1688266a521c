"""``loyalty/…``: guests with their balances, money moved in their wallets, and the ledger of it."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from django.db import OperationalError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import decorators, exceptions, mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api import fields, filters, strict
from core.api.refusal_examples import refused
from core.database import db_clock
from core.idempotency import IdempotencyKeyReused
from core.privacy.rows import without_people
from core.values.ids import searchable_id
from iiko_client.json_reader import is_no_id
from loyalty.api import serializers
from loyalty.api.filters import OperationFilter
from loyalty.models import Customer, LoyaltyOperation, OperationKind
from loyalty.permissions import PERMISSIONS
from loyalty.refusals import NotMoved, examples
from loyalty.wallets import submission
from loyalty.wallets.customers import Way, find_customer
from orders.api.prefer_wait import made_once, requester_of, status_of, wait_for_end
from organizations.api import permissions, throttling
from organizations.errors import UnknownOrganization
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization

_NO_ORGANIZATION = UnknownOrganization("There is no such organization.")
_HEADERS = [
    OpenApiParameter(
        "Idempotency-Key", str, "header", description="A repeat answers with the first operation."
    ),
    OpenApiParameter(
        "Prefer", str, "header", description="`wait=10`: answer once it is final, after 20 s at most."
    ),
]
_ANSWERS = {
    200: OpenApiResponse(serializers.OperationSerializer, "It is over: confirmed, rejected or expired."),
    202: OpenApiResponse(
        serializers.OperationSerializer,
        "Stored and on its way; `waiting` tells what it waits for and how long that can take. Follow it at "
        "GET loyalty/operations/{id}.",
    ),
}
_OF_EVERY_BODY: list[Exception] = [
    strict.UnknownField("No such field: sum. Nothing was done. There are: comment."),
    IdempotencyKeyReused("This Idempotency-Key was used for another request."),
]
_OF_TRANSFERS = {
    404: refused(
        "No such organization, guest or wallet; nothing was stored.",
        [_NO_ORGANIZATION, *examples("customer_not_found", "wallet_not_found")],
    ),
    409: refused(
        "Not possible as things stand; nothing was stored.",
        examples(
            *("insufficient_balance", "limit_operation", "limit_day", "loyalty_not_provisioned"),
            *("restaurant_off", "order_over", "wallet_of_products", "wallet_of_discount"),
            *("wallet_of_certificate", "wallet_of_unknown_kind"),
        ),
    ),
    422: refused(
        "It makes no sense, has an unknown field, or its Idempotency-Key was used for another request.",
        [
            *_OF_EVERY_BODY,
            *examples("comment_reserved", "amount_not_positive", "amount_too_large", "unknown_order"),
        ],
    ),
    503: refused(
        "iiko or the database could not be read; nothing was stored.",
        [*examples("iiko_unreachable"), OperationalError()],
    ),
}
_OF_RELEASES = {
    404: refused("No such hold.", examples("hold_not_found")),
    409: refused(
        "Not possible as things stand; nothing was stored.",
        examples("hold_released", "hold_not_done", "already_asked", "restaurant_off"),
    ),
    422: refused(
        "It has an unknown field, or its Idempotency-Key was used for another request.", _OF_EVERY_BODY
    ),
}


def describes(
    summary: str,
    body: type[strict.StrictSerializer],
    refusals: Mapping[int, OpenApiResponse] = MappingProxyType(_OF_TRANSFERS),
) -> Callable[[type[APIView]], type[APIView]]:
    post = extend_schema(
        summary=summary, request=body, responses=_ANSWERS | dict(refusals), parameters=_HEADERS
    )
    return extend_schema_view(post=post)


def organization_of(request: Request, organization_id: str) -> Organization:
    """Find a restaurant that the caller may see.

    Raises:
        UnknownOrganization: 404, for one that is there and not the caller's too.
    """
    if is_no_id(organization_id):
        raise exceptions.ValidationError({"organization_id": fields.NO_ID_GIVEN})
    rows = permissions.in_scope(request, Organization.objects.all())
    found = rows.filter(iiko_id=searchable_id(organization_id)).first()
    if found is None:
        raise UnknownOrganization(_("There is no such organization."))
    return found


def answered(request: Request, operation: LoyaltyOperation) -> Response:
    ended, headers = wait_for_end(request, operation)
    row = ended if _shows_people(request) else without_people(ended)
    shown = serializers.OperationSerializer(row, context={"request": request})
    return Response(shown.data, status=status_of(ended), headers=headers)


class _WalletAction(APIView):
    """Money to move in a wallet."""

    throttle_classes = (throttling.ActionThrottle,)
    kind: OperationKind

    def post(self, request: Request) -> Response:
        permissions.check_may_act(request, PERMISSIONS[self.kind])
        serializer = serializers.WalletActionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        requested = serializer.validated_data
        transfer = submission.TransferRequest(
            organization=organization_of(request, requested["organization_id"]),
            customer_id=searchable_id(requested["customer_id"]),
            wallet_id=searchable_id(requested["wallet_id"]),
            amount_minor=requested["amount"],
            comment=requested["comment"],
            order_id=requested["order_id"],
        )
        operation = made_once(
            request,
            submission.IDEMPOTENCY_KEYS,
            lambda by: submission.prepare(self.kind, transfer=transfer, by=by, now=db_clock.now()),
        )
        return answered(request, operation)


@describes("Add to a wallet", serializers.WalletActionSerializer)
class TopUpView(_WalletAction):
    kind = OperationKind.TOPUP


@describes("Take from a wallet", serializers.WalletActionSerializer)
class WithdrawView(_WalletAction):
    kind = OperationKind.WITHDRAW


@describes("Hold money of a wallet", serializers.WalletActionSerializer)
class HoldView(_WalletAction):
    kind = OperationKind.HOLD


@describes("Release a hold", serializers.ReasonSerializer, _OF_RELEASES)
class CancelHoldView(APIView):
    throttle_classes = (throttling.ActionThrottle,)

    def post(self, request: Request, transaction_id: str) -> Response:
        permissions.check_may_act(request, PERMISSIONS[OperationKind.CANCEL_HOLD])
        serializer = serializers.ReasonSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        seen = permissions.in_scope(request, LoyaltyOperation.objects.all())
        operation = made_once(
            request,
            submission.IDEMPOTENCY_KEYS,
            lambda by: partial(
                submission.request_cancel_hold,
                transaction_id=transaction_id,
                by=by,
                now=db_clock.now(),
                comment=serializer.validated_data["comment"],
                may_see=Q(pk__in=seen.values("pk")),
            ),
        )
        return answered(request, operation)


class CustomerView(APIView):
    """One guest, looked for in exactly one way."""

    staff_permission = "loyalty.view_customer"
    throttle_classes = (throttling.SearchThrottle,)

    @extend_schema(
        summary="A guest with live balances",
        description=f"Give `organization_id` and exactly one of {', '.join(f'`{way}`' for way in Way)}. "
        "Balances are iiko's of this moment, or up to 15 s old. Name, phone, e-mail and cards are masked for "
        "keys that only read, and for people without the permission.",
        parameters=[
            OpenApiParameter("organization_id", str, required=True),
            OpenApiParameter("phone", str),
            OpenApiParameter("card", str, description="Its number, or its track."),
            OpenApiParameter("email", str),
            OpenApiParameter("id", str, description="iiko's id of the guest."),
        ],
        responses={
            200: serializers.CustomerSerializer,
            404: refused(
                "No such organization, or iiko knows no such guest.",
                [_NO_ORGANIZATION, *examples("customer_not_found")],
            ),
            409: refused("iiko refused the question.", examples("loyalty_not_provisioned")),
            422: refused(
                "No guest can be looked for so.",
                [NotMoved("bad_search", "Write the phone with its code, such as +7 904 000-10-04.", 422)],
            ),
            503: refused(
                "iiko or the database could not be read.", [*examples("iiko_unreachable"), OperationalError()]
            ),
        },
    )
    def get(self, request: Request) -> Response:
        way, value = self._way(request)
        organization = organization_of(request, request.query_params.get("organization_id", ""))
        customer = find_customer(
            organization=organization,
            way=way,
            value=value,
            requested_by=requester_of(request).name,
            now=db_clock.now(),
        )
        shown = Customer.objects.shown(people=_shows_people(request)).prefetch_related("wallets")
        row = shown.select_related("organization").get(pk=customer.pk)
        return Response(serializers.CustomerSerializer(row).data)

    def _way(self, request: Request) -> tuple[Way, str]:
        known = {way.value for way in Way} | {"organization_id", "format"}
        if unknown := sorted(set(request.query_params) - known):
            words = _("No such parameter. There are: %s.") % ", ".join(sorted(known))
            raise exceptions.ValidationError(dict.fromkeys(unknown, words))
        filters.refuse_repeats(request.query_params)
        if not request.query_params.get("organization_id"):
            raise exceptions.ValidationError({"organization_id": _("It is needed.")})
        given = [(way, request.query_params[way]) for way in Way if request.query_params.get(way)]
        if len(given) != 1:
            words = _("Give exactly one of %s.") % ", ".join(Way)
            raise exceptions.ValidationError({"non_field_errors": words})
        return given[0]


def _shows_people(request: Request) -> bool:
    """Whether the caller is shown guests; a key that may act on wallets is shown whose they are, too."""
    key = request.auth
    return permissions.shows_people(request) or (isinstance(key, ApiKey) and key.may_use_loyalty)


@extend_schema_view(
    list=extend_schema(summary="The ledger, newest first"),
    retrieve=extend_schema(summary="One operation and its outcome"),
)
class OperationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[LoyaltyOperation]
):
    queryset = LoyaltyOperation.objects.all()
    serializer_class = serializers.OperationSerializer
    filterset_class = OperationFilter
    staff_permission = "loyalty.view_loyaltyoperation"
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[LoyaltyOperation]:
        operations = LoyaltyOperation.objects.shown(people=_shows_people(self.request))
        rows = operations.select_related("organization", "wallet__customer", "hold").order_by("-id")
        return permissions.in_scope(self.request, rows)

    @extend_schema(
        summary="Cancel an operation that was not sent yet",
        description="The rights are those of requesting it. A repeat answers with the operation as it is.",
        request=serializers.ReasonSerializer,
        responses={
            200: OpenApiResponse(
                serializers.OperationSerializer, "It is cancelled (`cancelled`) and moves no money."
            ),
            404: refused("No such operation.", examples("operation_not_found")),
            409: refused(
                "It was sent to iiko, or has ended in another way.", examples("already_sent", "already_over")
            ),
        },
    )
    @decorators.action(detail=True, methods=["post"], throttle_classes=[throttling.ActionThrottle])
    def cancel(self, request: Request, **_: object) -> Response:
        serializer = serializers.ReasonSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        operation = self.get_object()
        permissions.check_may_act(request, PERMISSIONS[OperationKind(operation.kind)])
        cancelled = submission.cancel(
            operation.pk,
            by=requester_of(request),
            now=db_clock.now(),
            comment=serializer.validated_data["comment"],
        )
        shown = cancelled if _shows_people(request) else without_people(cancelled)
        return Response(self.get_serializer(shown).data)
