"""Gives names the key by which they are searched and sorted. PostgreSQL fills it for what is there."""

from django.db import migrations, models
from django.db.models.functions import Lower

_FROM = (
    "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯё\u2010\u2011\u2012\u2013\u2014\u2015\u2212«»„“”‟‘’‚‹›\"'"
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_TO = "абвгдеежзийклмнопрстуфхцчшщъыьэюяе-------"


def key_of(name):
    plain = models.Func(name, function="normalize", template="%(function)s(%(expressions)s, NFKC)")
    return models.GeneratedField(
        db_persist=True,
        expression=models.Func(
            Lower(plain),
            models.Value(_FROM),
            models.Value(_TO),
            function="translate",
            output_field=models.TextField(),
        ),
        output_field=models.TextField(db_collation="C"),
    )


_ORDER = ("name_key", "name", "pk")
_MODELS = {
    "apikey": ("API key", "API keys", _ORDER),
    "apilogin": ("API login", "API logins", _ORDER),
    "courier": ("courier", "couriers", ("organization", *_ORDER)),
    "dictionaryentry": ("dictionary entry", "dictionary entries", ("organization", "kind", *_ORDER)),
    "organization": ("organization", "organizations", _ORDER),
    "terminalgroup": ("terminal group", "terminal groups", ("organization", *_ORDER)),
}


class Migration(migrations.Migration):
    dependencies = [("organizations", "0009_let_groups_see_stop_lists_and_shifts")]

    operations = [
        *(migrations.AddField(model, "name_key", key_of("name")) for model in _MODELS),
        *(
            migrations.AlterModelOptions(
                model, {"ordering": order, "verbose_name": one, "verbose_name_plural": many}
            )
            for model, (one, many, order) in _MODELS.items()
        ),
    ]
