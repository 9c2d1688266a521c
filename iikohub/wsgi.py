"""The WSGI application: ``gunicorn iikohub.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iikohub.settings")
_django = get_wsgi_application()

# These need the apps that the line above loads.
from core.database.limits import WEB, limit_connections  # noqa: E402
from iikohub.operations.request_ids import RequestIds  # noqa: E402
from webhooks.receiving.view import ReceiveFirst  # noqa: E402

limit_connections(WEB)

application = RequestIds(ReceiveFirst(_django))  # type: ignore[arg-type]  # a WSGI application all the same
