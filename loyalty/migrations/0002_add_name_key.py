"""Gives guests the key by which they are searched by name. PostgreSQL fills it for who is there."""

from django.db import migrations, models
from django.db.models.functions import Concat, Lower

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


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_create_customers_wallets_and_ledger")]

    operations = [
        migrations.AddField(
            "customer",
            "name_key",
            key_of(
                Concat(
                    models.F("name"),
                    models.Value(" "),
                    models.F("surname"),
                    models.Value(" "),
                    output_field=models.TextField(),
                )
            ),
        )
    ]
