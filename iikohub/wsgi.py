"""The WSGI application: ``gunicorn iikohub.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iikohub.settings")
_django = get_wsgi_application()

from webhooks.wsgi import ReceiveFirst  # noqa: E402  # needs the apps that the line above loads

application = ReceiveFirst(_django)  # type: ignore[arg-type]  # a WSGI application all the same
