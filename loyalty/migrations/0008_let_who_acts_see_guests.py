from django.db import migrations
from django.db.models import Q

BEFORE = "Can see phones, e-mail and cards of customers in full"
NOW = "Can see guests: names, phones, addresses, cards"
ACTS = (
    "change_order_status",
    "assign_order_courier",
    "change_order_payment",
    "cancel_order",
    "apply_order_discount",
)


def let_see(apps, schema_editor):
    """Whoever acts on orders goes on seeing whom they are for: until now it took the right to see orders."""
    database = schema_editor.connection.alias
    right = _right(apps, database)
    right.name = NOW
    right.save()
    acts = Q(content_type__app_label="orders", codename__in=ACTS)
    acting = apps.get_model("auth", "Permission").objects.using(database).filter(acts)
    for group in (
        apps.get_model("auth", "Group").objects.using(database).filter(permissions__in=acting).distinct()
    ):
        group.permissions.add(right)
    people = apps.get_model("auth", "User").objects.using(database)
    for user in people.filter(user_permissions__in=acting).distinct():
        user.user_permissions.add(right)


def let_see_no_more(apps, schema_editor):
    """Take it from the group that had it not. Of groups that people made it is not known who did not."""
    database = schema_editor.connection.alias
    right = _right(apps, database)
    right.name = BEFORE
    right.save()
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name="Dispatcher"):
        group.permissions.remove(right)


def _right(apps, database):
    # Permissions are made after the last migration, so here it may have to be made first.
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label="loyalty", model="customer")
    right, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(database)
        .get_or_create(content_type=content_type, codename="view_personal_data", defaults={"name": BEFORE})
    )
    return right


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0007_relabel_commands"),
        ("orders", "0007_let_groups_give_discounts"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="customer",
            options={
                "ordering": ("-id",),
                "permissions": [("view_personal_data", NOW)],
                "verbose_name": "customer",
                "verbose_name_plural": "customers",
            },
        ),
        migrations.RunPython(let_see, let_see_no_more),
    ]
