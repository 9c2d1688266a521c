"""Whether an order can be reissued with a discount, and what it will then be asked to be.

The same checks judge the mirror when the discount is asked for and the order itself, as iiko tells it
just before it is reissued (``iiko_client.endpoints.reissue`` writes the request).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_DOWN, Decimal

from iiko_client.endpoints.reissue import NotReissuable, reissued_order
from iiko_client.json_reader import JsonObject, without_no_ids
from iiko_client.models.order import read_order_info
from iiko_client.models.payments import PaymentKind
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.units import MinorUnits, to_major
from orders.actions.discount.calculation import FIXED, FLEXIBLE, DiscountParams, base_of
from orders.commands.refusals import refusal
from orders.models.order import Order
from orders.payments.kinds import kind_of
from organizations.models.dictionaries import DictionaryEntry, DictionaryKind

Fields = JsonObject
Version = tuple[int, ...]

BEFORE_KITCHEN = frozenset({DeliveryStatus.UNCONFIRMED, DeliveryStatus.WAIT_COOKING})
CHECKED = (
    "status",
    "items",
    "payments",
    "tips",
    "discounts",
    "loyalty",
    "external_data",
    "external_courier_service_id",
    "external_courier_service_name",
    "processed_payments_minor",
    "when_printed",
    "amount_minor",
)

# The dictionary's kinds whose payments can be entered again: the others carry data that iiko does not tell.
_PLAIN_PAYMENTS = frozenset({PaymentKind.CASH, PaymentKind.CARD})


@dataclass(frozen=True, slots=True)
class ReissueRequest:
    """``expected_minor``: what the new order must cost, give or take ``tolerance_minor``; None: not known."""

    order: dict[str, object]
    terminal_group_id: str
    expected_minor: int | None
    tolerance_minor: int


def checked_fields(order: Order) -> dict[str, object]:
    return {name: getattr(order, name) for name in CHECKED}


def is_before_kitchen(fields: Fields) -> bool:
    """Whether nothing of an order has gone to the kitchen, so far as its fields tell."""
    printed = fields.get("when_printed") or any(
        item.get("when_printed") for item in fields.get("items") or [] if not item.get("is_deleted")
    )
    return fields.get("status") in BEFORE_KITCHEN and not printed


HINDRANCES = (
    ("tips", "has_tips"),
    ("external_data", "has_external_data"),
    ("external_courier_service_id", "has_external_courier"),
    ("external_courier_service_name", "has_external_courier"),
)


def check(fields: Fields) -> None:
    """Raise why an order cannot be reissued; fields by the mirror's names.

    Raises:
        NotAllowed: with a code of ``OF_REBUILDING``.
    """
    if fields.get("status") is None:
        raise refusal("status_unknown")
    if not is_before_kitchen(fields):
        raise refusal("kitchen_has_it")
    if (fields.get("processed_payments_minor") or 0) > 0 or any(
        map(_is_processed, fields.get("payments") or [])
    ):
        raise refusal("payment_processed")
    _check_items([item for item in fields.get("items") or [] if not item.get("is_deleted")])
    for name, code in HINDRANCES:
        if fields.get(name):
            raise refusal(code)
    if _has_loyalty(fields.get("loyalty")):
        raise refusal("has_loyalty")


def _is_processed(payment: JsonObject) -> bool:
    named = ("is_processed_externally", "is_fiscalized_externally", "is_prepay")
    return any(payment.get(name) for name in named) or payment.get("is_preliminary") is False


def _check_items(items: list[JsonObject]) -> None:
    if any(item.get("combo_id") for item in items):
        raise refusal("has_combo")
    if any(item.get("kind") == "Compound" for item in items):
        raise refusal("has_compound_item")
    if not any(item.get("kind") == "Product" for item in items):
        raise refusal("no_items")


def _has_loyalty(loyalty: object) -> bool:
    # iiko sends the object empty, too: nothing works on the order then.
    return any(loyalty.values()) if isinstance(loyalty, Mapping) else bool(loyalty)


# --- reissuing it ----------------------------------------------------------------------------------


def reissue_request(
    info: JsonObject,
    params: DiscountParams,
    *,
    organization_id: str,
    order_id: str,
    pos_version: Version,
    zone: tzinfo,
    now: datetime,
) -> ReissueRequest:
    """Return the order to be made with the discount; ``info`` is the ``OrderInfo`` that iiko has now.

    Raises:
        NotAllowed, InvalidParams: it cannot be reissued, or is not as it was when the discount was asked for.
    """
    fields: Fields = dict(read_order_info(info, lambda _group: zone).fields)
    check(fields)
    if (
        base_of(fields.get("amount_minor"), fields.get("discounts") or [], fields["items"])
        != params.base_minor
    ):
        raise refusal("order_changed")
    if (promised := fields.get("promised_time")) is not None and promised <= now:
        raise refusal("promise_passed")
    expected, tolerance = expected_total(fields, params, organization_id)
    wire: JsonObject = without_no_ids(info["order"])
    try:
        order = reissued_order(
            wire,
            order_id=order_id,
            external_number=info.get("externalNumber"),
            discounts=[*_kept_discounts(wire, params, organization_id), asked_discount(params)],
            payments=_payments(fields, expected, organization_id),
            pos_version=pos_version,
        )
    except NotReissuable as error:
        raise refusal(error.code) from error
    return ReissueRequest(order, str(wire["terminalGroupId"]), expected, tolerance)


def asked_discount(params: DiscountParams) -> dict[str, object]:
    """Write the discount as a request has it: a sum with flexible types alone."""
    written: dict[str, object] = {"type": "RMS", "discountTypeId": params.discount_id}
    if params.sum_minor is not None:
        written["sum"] = to_major(params.sum_minor)
    return written


def _entries(organization_id: str, kind: DictionaryKind) -> dict[str, DictionaryEntry]:
    entries = DictionaryEntry.objects.filter(organization_id=organization_id, kind=kind)
    return {entry.iiko_id: entry for entry in entries}


def _kept_discounts(
    wire: JsonObject, params: DiscountParams, organization_id: str
) -> list[dict[str, object]]:
    """Return the discounts of other types; one of the requested type is replaced."""
    known = _entries(organization_id, DictionaryKind.DISCOUNT)
    kept = []
    for told in wire.get("discounts") or []:
        type_id = str((told.get("discountType") or {}).get("id") or "").lower()
        if type_id == params.discount_id:
            continue
        entry = known.get(type_id)
        if entry is None or not entry.data.get("is_manual") or told.get("selectivePositionsWithSum"):
            raise refusal("discount_not_rebuildable")
        one = {"type": "RMS", "discountTypeId": type_id, "selectivePositions": told.get("selectivePositions")}
        kept.append(one | ({"sum": told.get("sum")} if entry.data.get("mode") == FLEXIBLE else {}))
    return kept


def expected_total(fields: Fields, params: DiscountParams, organization_id: str) -> tuple[int | None, int]:
    """Return what the order will cost with the discount, and by how much the POS may round otherwise.

    None where only the POS knows: a percentage beside other discounts, or one that differs by dish.
    """
    discounts = fields.get("discounts") or []
    replaced = sum(one.get("sum_minor") or 0 for one in discounts if one.get("type_id") == params.discount_id)
    before = fields["amount_minor"] + replaced
    if params.mode == FLEXIBLE:
        return before - (params.sum_minor or 0), 0
    entry = _entries(organization_id, DictionaryKind.DISCOUNT).get(params.discount_id)
    if entry is None:
        raise refusal("discount_not_rebuildable")
    others = [one for one in discounts if one.get("type_id") != params.discount_id]
    if params.mode == FIXED:
        most = params.base_minor - sum(one.get("sum_minor") or 0 for one in others)
        return before - min(entry.data.get("sum_minor") or 0, most), 0
    if others or entry.data.get("is_categorised"):
        return None, 0
    exact = Decimal(params.base_minor) * Decimal(entry.data.get("percent") or 0) / 100
    # Rounded in the guest's disfavour by a part of 1/100 at most, so that a payment of it covers the order.
    return before - int(exact.quantize(Decimal(1), rounding=ROUND_DOWN)), max(1, len(fields["items"]))


def check_payments(order: Order, params: DiscountParams) -> None:
    """Raise why the payments of an order cannot be entered again with a discount.

    Raises:
        NotAllowed: with a code of ``OF_REBUILDING``.
    """
    fields = checked_fields(order)
    expected, _tolerance = expected_total(fields, params, order.organization_id)
    _payments(fields, expected, order.organization_id)


def _payments(fields: Fields, expected: int | None, organization_id: str) -> list[dict[str, object]]:
    """Enter the promised payments again; one that would pay too much pays for the order instead."""
    told = fields.get("payments") or []
    known = _entries(organization_id, DictionaryKind.PAYMENT_TYPE)
    sums = [one.get("sum_minor") or 0 for one in told]
    if told and expected is None:
        raise refusal("discount_total_unknown")
    if expected is not None and sum(sums) > expected:
        if len(told) > 1:
            raise refusal("payments_to_share")
        sums = [expected]
    return [_payment(one, minor, known) for one, minor in zip(told, sums, strict=True) if minor > 0]


def _payment(told: JsonObject, minor: int, known: Mapping[str, DictionaryEntry]) -> dict[str, object]:
    entry = known.get(str(told.get("type_id")))
    kind = kind_of(entry) if entry else None
    if entry is None or kind not in _PLAIN_PAYMENTS:
        raise refusal("payment_not_rebuildable")
    return {
        "paymentTypeKind": kind.value,
        "sum": to_major(MinorUnits(minor)),
        "paymentTypeId": entry.iiko_id,
        "isProcessedExternally": False,
    }


# --- what became of it -------------------------------------------------------------------------------


def differs(info: JsonObject, params: DiscountParams, expected: int | None, tolerance: int) -> str:
    """Say how an order is otherwise than asked: in its discount or in what it costs; empty if it is not."""
    fields: Fields = dict(read_order_info(info, lambda _group: UTC).fields)
    given = [one for one in fields.get("discounts") or [] if one.get("type_id") == params.discount_id]
    amount = fields.get("amount_minor")
    if not given:
        return "the discount is not among its discounts"
    sums = [one.get("sum_minor") for one in given]
    if params.sum_minor is not None and params.sum_minor not in sums:
        return f"the discount is {sums[0]}/100 instead of {params.sum_minor}/100"
    if expected is not None and (amount is None or abs(amount - expected) > tolerance):
        return f"it costs {amount}/100 instead of {expected}/100"
    return ""
