"""Why a database does not let the hub in or do its work, as a person can mend it."""

import re
from dataclasses import dataclass

import psycopg
from django.db import Error as DatabaseError, OperationalError
from psycopg import errors


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: str
    """Short, without names: for who asks from outside."""
    advice: str


_NO_ANSWER = "the database does not answer"
_NO_MIGRATION = Refusal(
    "the database has not the tables of this version",
    "Make them: manage.py migrate. (After an update: docs/install.md, Updates.)",
)
# A refused connection has no SQLSTATE, so the words tell. They are the server's, in its language.
_BY_WORDS: tuple[tuple[str, Refusal], ...] = (
    (
        r"password authentication failed|не прош[её]л проверку подлинности|no password supplied",
        Refusal(
            "the database refuses the name or the password of the hub",
            "Compare both in DATABASE_URL with the server's; ALTER ROLE name PASSWORD '...' sets "
            "another. Of a password with @ : / ? # or % write these as %40 %3A %2F %3F %23 %25.",
        ),
    ),
    (
        r"role \"[^\"]*\" does not exist|роль \"[^\"]*\" не существует",
        Refusal(
            "the database does not know the name of the hub",
            "Make the role of DATABASE_URL: CREATE ROLE name LOGIN PASSWORD '...' (docs/install.md, step 1).",
        ),
    ),
    (
        r"database \"[^\"]*\" does not exist|база данных \"[^\"]*\" не существует",
        Refusal(
            "the server has no database of that name",
            "Make the database of DATABASE_URL: CREATE DATABASE name OWNER role (docs/install.md, step 1).",
        ),
    ),
    (
        r"pg_hba\.conf|Peer authentication failed",
        Refusal(
            "the database server does not let this machine in",
            "Add a line for this machine to the server's pg_hba.conf and reload it; with the server "
            "on this machine name 127.0.0.1 as the host in DATABASE_URL.",
        ),
    ),
    (
        r"too many clients|too many connections|connection slots|слишком много клиентов",
        Refusal(
            "the database takes no more connections",
            "Raise max_connections or lower WEB_CONCURRENCY and GUNICORN_THREADS (docs/scaling.md, "
            "Connections).",
        ),
    ),
    (
        r"Connection refused|No such file or directory",
        Refusal(
            _NO_ANSWER,
            "Does PostgreSQL run (systemctl status postgresql), at host and port of DATABASE_URL? A "
            "server on another machine must listen there (listen_addresses) and its firewall let this "
            "one in.",
        ),
    ),
    (
        r"resolve host|could not translate host name|Name or service not known",
        Refusal(
            "the name of the database's machine is not known",
            "Correct the host in DATABASE_URL, or the name service of this machine.",
        ),
    ),
    (
        r"starting up|shutting down|recovery mode|запускается|останавливается",
        Refusal(
            _NO_ANSWER,
            "Try again in a minute; the server's log says more.",
        ),
    ),
    (
        r"connection (?:to server|failed|is bad|timeout)|timeout expired",
        Refusal(
            _NO_ANSWER,
            "Compare host, port, name and password in DATABASE_URL with the server's; a firewall "
            "between may let nothing through.",
        ),
    ),
)
_BY_STATE: tuple[tuple[type[Exception], Refusal], ...] = (
    (errors.UndefinedTable, _NO_MIGRATION),
    (errors.UndefinedColumn, _NO_MIGRATION),
    (
        errors.InsufficientPrivilege,
        Refusal(
            "the role of the hub may not do that in the database",
            "The role of DATABASE_URL must own the database and its tables: as the server's administrator "
            "ALTER DATABASE name OWNER TO role; in a database with tables of another role also REASSIGN "
            "OWNED. Since PostgreSQL 15 nobody else makes tables in the schema public.",
        ),
    ),
    (
        errors.ReadOnlySqlTransaction,
        Refusal(
            "the database takes no writes",
            "DATABASE_URL names a standby, or default_transaction_read_only is on for its role or database.",
        ),
    ),
    (errors.DiskFull, Refusal("the database's disk is full", "Make room where the database's files are.")),
)


def refusal(error: DatabaseError) -> Refusal | None:
    """Tell what is wrong with the database or the way to it; None where that is not the trouble."""
    cause = _of_the_driver(error)
    for kind, found in _BY_STATE:
        if isinstance(cause, kind):
            return found
    return connection_refusal(error)


def _of_the_driver(error: BaseException) -> BaseException | None:
    """Look behind an error of Django's: ``migrate`` puts one of its own in front of the database's."""
    while not isinstance(error, psycopg.Error):
        behind = error.__cause__ or error.__context__
        if behind is None:
            return None
        error = behind
    return error


def connection_refusal(error: Exception) -> Refusal | None:
    """Tell the same of an error of connecting alone."""
    if not isinstance(error, OperationalError) or getattr(error.__cause__, "sqlstate", None):
        return None
    words = str(error)
    return next((found for pattern, found in _BY_WORDS if re.search(pattern, words)), None)


def in_words(error: DatabaseError) -> str:
    """Write what is wrong, what to do and what PostgreSQL says; nothing for an error of another kind."""
    if isinstance(error, OperationalError) and not isinstance(error.__cause__, psycopg.Error):
        return str(error)  # the hub's own, in words already
    found = refusal(error)
    if found is None:
        return ""
    said = " ".join(str(error).split())
    return f"{found.reason[0].upper()}{found.reason[1:]}.\n{found.advice}\nPostgreSQL says: {said}"
