"""Django's PostgreSQL backend on the embedded server, which the first connection starts."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base, client

from iikohub.embedded_postgres.programs import BINARIES
from iikohub.embedded_postgres.server import ensure_running


class DatabaseClient(client.DatabaseClient):
    """``manage.py dbshell``, with the psql that came with the server."""

    executable_name = str(BINARIES / "psql")

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        server = ensure_running(settings.EMBEDDED_POSTGRES_DIR)
        settings_dict = {
            **settings_dict,
            "HOST": server["host"],
            "PORT": server["port"],
            "USER": server["user"],
        }
        return super().settings_to_cmd_args_env(settings_dict, parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Start the server if need be: called before every connection, those to no database included.

        Here and not in ``get_new_connection``, because procrastinate takes its parameters from here
        and connects by itself.
        """
        return {**super().get_connection_params(), **ensure_running(settings.EMBEDDED_POSTGRES_DIR)}
