"""Everything the hub asks of iiko, by name."""

from iiko_client.endpoints.commands import Commands
from iiko_client.endpoints.deliveries import Deliveries
from iiko_client.endpoints.dictionaries import Dictionaries
from iiko_client.endpoints.loyalty import Loyalty
from iiko_client.endpoints.retrieval import Retrieval
from iiko_client.endpoints.webhook_settings import WebhookRegistration


class IikoClient(Dictionaries, Retrieval, Deliveries, Commands, Loyalty, WebhookRegistration):
    """Typed calls over one transport; cheap to create, one for each priority.

    Every method may raise any ``IikoError``; ``IikoRequestInvalid`` says that nothing was sent.
    """
