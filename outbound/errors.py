"""Why something asked of a subscription is refused."""

from core.errors import HubError


class BadAddress(HubError):
    """An address that messages cannot be sent to."""

    code = "bad_address"
    http_status = 422


class NotActive(HubError):
    """A subscription that is off: nothing is sent to it."""

    code = "subscription_off"


class TooManyTests(HubError):
    """As many tests as may be sent at once."""

    code = "busy"
    http_status = 429


class TooOld(HubError):
    """Events from before what is kept."""

    code = "too_old"
    http_status = 422
