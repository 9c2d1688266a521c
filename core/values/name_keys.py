"""Names as people look for them: е stands for ё, and neither case nor quotation marks count.

A name has a key beside it (``name_key``), which PostgreSQL writes. Names are searched and sorted by it, on
any server: the collation and the character type of the database have no part in it. By the key Ё stands
with Е, digits and Latin letters stand before Russian ones, and names of one key follow their exact text.
"""

import unicodedata

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Concat, Lower

_UPPER = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
# Quotation marks, and what nobody sees: the soft hyphen, zero widths, marks of direction.
_LEFT_OUT = (
    "«»„“”‟‘’‚‹›\"'"
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_FROM = f"{_UPPER}ё{_DASHES}{_LEFT_OUT}"
_TO = f"{_UPPER.lower()}е{'-' * len(_DASHES)}".replace("ё", "е")
_TABLE = str.maketrans(_FROM[: len(_TO)], _TO, _FROM[len(_TO) :])

NAME_ORDER = ("name_key", "name", "pk")


def fold(text: str) -> str:
    """Write a name as its key. NFKC joins the letters that a Mac writes apart (й, ё) and evens out spaces."""
    return unicodedata.normalize("NFKC", text).lower().translate(_TABLE)


def folded(expression: str | models.Expression) -> Func:
    """Do the same in PostgreSQL; immutable, and independent of the database's locale for Russian."""
    plain = Func(expression, function="normalize", template="%(function)s(%(expressions)s, NFKC)")
    return Func(Lower(plain), Value(_FROM), Value(_TO), function="translate", output_field=models.TextField())


def name_key(*columns: str) -> models.GeneratedField:
    """Declare the key of one column, or of several that people read as one name."""
    parts: list[F | Value] = []
    for column in columns:
        parts += [F(column), Value(" ")]
    name = Concat(*parts, output_field=models.TextField()) if len(columns) > 1 else columns[0]
    return models.GeneratedField(
        expression=folded(name),
        output_field=models.TextField(db_collation="C"),
        db_persist=True,
    )


def has_words(text: str, *columns: str) -> Q:
    """Find rows where each word of ``text`` is a part of a key or an id; none where there is no word."""
    found = Q()
    words = fold(text.replace("\0", "")).split()
    for word in words:
        part = Q()
        for column in columns:
            # A key has one case already; upper() knows no Russian in its collation.
            part |= Q(**{f"{column}__{'contains' if column.endswith('_key') else 'icontains'}": word})
        found &= part
    return found if words else Q(pk__in=())
