from django.db import migrations

GROUPS = ("Operator", "Administrator")
EXPORT = ("export_order", "Can export lists of orders")


def let_groups(apps, schema_editor):
    """Whoever answers the guests may take a list away; groups that are gone stay so."""
    database = schema_editor.connection.alias
    # Permissions are made after the last migration, so here this one may have to be made first.
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label="orders", model="order")
    codename, title = EXPORT
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(database)
        .get_or_create(content_type=content_type, codename=codename, defaults={"name": title})
    )
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.add(permission)


def take_back(apps, schema_editor):
    database = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    for permission in permissions.filter(content_type__app_label="orders", codename=EXPORT[0]):
        for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
            group.permissions.remove(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0026_index_order_terms"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="order",
            options={
                "ordering": ("-id",),
                "permissions": [("export_order", "Can export lists of orders")],
                "verbose_name": "order",
                "verbose_name_plural": "orders",
            },
        ),
        migrations.RunPython(let_groups, take_back),
    ]
