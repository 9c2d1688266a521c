from django.db import migrations

# As Django and the models call them; permissions are made after the last migration, so here they may
# have to be made first.
LOOKING = (
    ("customer", "view_customer", "Can view customer"),
    ("loyaltyoperation", "view_loyaltyoperation", "Can view loyalty operation"),
)
MOVING = (
    ("customer", "view_personal_data", "Can see phones, e-mail and cards of customers in full"),
    ("loyaltyoperation", "topup_wallet", "Can top up wallets in iiko"),
    ("loyaltyoperation", "withdraw_wallet", "Can withdraw from wallets in iiko"),
    ("loyaltyoperation", "hold_wallet", "Can hold money in wallets in iiko and release it"),
    ("balancedifference", "view_balancedifference", "Can view difference"),
)
GROUPS = {"Dispatcher": LOOKING, "Operator": LOOKING + MOVING, "Administrator": LOOKING + MOVING}


def let_use(apps, schema_editor):
    """All look at wallets; whoever answers the guests moves their money. A deleted group stays away."""
    database = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.add(*(_permission(apps, database, *one) for one in GROUPS[group.name]))


def _permission(apps, database, model, codename, title):
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label="loyalty", model=model)
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(database)
        .get_or_create(content_type=content_type, codename=codename, defaults={"name": title})
    )
    return permission


def let_use_no_more(apps, schema_editor):
    database = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    codenames = [codename for _, codename, _ in LOOKING + MOVING]
    found = permissions.filter(content_type__app_label="loyalty", codename__in=codenames)
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.remove(*found)


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0003_index_phones_by_digits"),
        ("orders", "0003_create_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(let_use, let_use_no_more)]
