"""How the hub recognises itself: only who has its ``SECRET_KEY`` can answer a number with the right proof."""

import re
import secrets

from django.utils.crypto import constant_time_compare, salted_hmac

PARAMETER = "nonce"
_NONCE = re.compile("[0-9a-f]{32}", re.ASCII)


def new_nonce() -> str:
    return secrets.token_hex(16)


def proof_of(nonce: str) -> str:
    """Return what this hub answers to a nonce; empty for what is none."""
    if not _NONCE.fullmatch(nonce):
        return ""
    return salted_hmac("iikohub.own_address", nonce, algorithm="sha256").hexdigest()


def is_proof(given: object, nonce: str) -> bool:
    return isinstance(given, str) and constant_time_compare(given, proof_of(nonce))
