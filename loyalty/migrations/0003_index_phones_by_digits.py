"""Phones are looked for by their digits, however they are written, and by their end."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Collate


def phone_key():
    plain = models.Func("phone", function="normalize", template="%(function)s(%(expressions)s, NFKC)")
    without = models.Func(
        plain,
        models.Value("([0-9][^0-9]*?)[,;#A-Za-zА-яЁё].*$"),
        models.Value(r"\1"),
        function="regexp_replace",
    )
    digits = models.Func(
        without, models.Value("[^0-9]"), models.Value(""), models.Value("g"), function="regexp_replace"
    )
    return Collate(models.Func(digits, function="reverse", output_field=models.TextField()), "C")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("loyalty", "0002_add_name_key")]

    operations = [
        AddIndexConcurrently("customer", models.Index(phone_key(), name="loyalty_customers_phone_key")),
    ]
