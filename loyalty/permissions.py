"""Who may do what with wallets: Django's permissions behind each kind of operation."""

from loyalty.models import OperationKind

PERMISSIONS = {
    OperationKind.TOPUP: "loyalty.topup_wallet",
    OperationKind.WITHDRAW: "loyalty.withdraw_wallet",
    OperationKind.HOLD: "loyalty.hold_wallet",
    OperationKind.CANCEL_HOLD: "loyalty.hold_wallet",
}
"""What a person must be allowed for each kind; a key needs the scope *act*."""
