"""The file ``.env``: what stands in it counts, or the start stops and says why not."""

import io
import re
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from iikohub.configuration.ownership import not_allowed

_ASSIGNMENT = re.compile(r"(?:export )?[A-Za-z_0-9]+=.*")


def read_env_file(path: Path) -> None:
    """Put the variables of ``path`` into the environment, where they are not set yet; no file is none.

    Raises:
        ImproperlyConfigured: the file may not be read, or holds a line that would set nothing. The line is
            not shown: it may be a secret.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise not_allowed(path, "read", give=path) from error
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{path} is not UTF-8 text. Save it as UTF-8.") from error
    lines = [line if is_said(line) else "" for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not _ASSIGNMENT.fullmatch(line):
            raise ImproperlyConfigured(
                f"{path}, line {number}: write NAME=value from the first column on, without spaces around "
                "the =, or begin the line with # to turn it off."
            )
    environ.Env.read_env(io.StringIO("\n".join(lines)))


def is_said(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def names_in(path: Path, *, with_comments: bool = False) -> set[str]:
    """Return the names that a file gives a value, with comments also those it explains; no file has any."""
    text = path.read_text("utf-8-sig") if path.exists() else ""
    start = "#?" if with_comments else "(?:export )?"
    return set(re.findall(rf"^{start}([A-Za-z_0-9]+)=", text, flags=re.MULTILINE))
