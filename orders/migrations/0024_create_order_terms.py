"""By which words each order is found, kept by the database itself wherever an order is written.

A change of these rules is a new migration: it replaces the function and fills the table again.
"""

import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

# As in core.values.name_keys on the day of this migration.
UPPER = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
LEFT_OUT = (
    "«»„“”‟‘’‚‹›\"'"
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
FOLDED_FROM = f"{UPPER}ё{DASHES}{LEFT_OUT}"
FOLDED_TO = f"{UPPER.lower()}е{'-' * len(DASHES)}".replace("ё", "е")
# As in orders.search.words.
SEPARATORS = r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f\u0085\u2028\u2029"


def literal(text: str) -> str:
    codes = "".join(f"\\{ord(sign):04x}" for sign in text)
    return f"U&'{codes}'"


# By far most texts are of Latin and Russian letters: of those only capitals, ё and quotation marks change. The
# whole way costs a hundred times as much.
FOLD = rf"""
CREATE FUNCTION search_fold(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    folded text;
BEGIN
    IF given ~ '^[\u0001-\u007e\u0400-\u045f]*$' THEN
        folded := replace(replace(replace(lower(given), 'ё', 'е'), '"', ''), '''', '');
        -- There are locales that know no Russian.
        IF folded !~ '[А-ЯЁ]' THEN
            RETURN folded;
        END IF;
    END IF;
    RETURN translate(lower(normalize(given, NFKC)), {literal(FOLDED_FROM)}, {literal(FOLDED_TO)});
END
$$
"""

# The words of a folded text, each as a term of its kind.
WORDS = f"""
CREATE FUNCTION search_terms(kind text, folded text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_remove(
    string_to_array(kind || regexp_replace(folded, '[{SEPARATORS}]+', ' ' || kind, 'g'), ' '), kind
)
"""


SIGN, EMPTY = r"'\001f'", "''"


def joined(*fields: str) -> str:
    """Join texts by a sign that none of them has, so that they are folded at once."""
    each = ", ".join(f"replace({one}, U&{SIGN}, {EMPTY})" for one in fields)
    return f"array_to_string(ARRAY[{each}], U&{SIGN}, {EMPTY})"


TEXTS = joined(
    "readable_number",
    "external_order_id",
    "soi_external_id",
    "iiko_order_id",
    "pos_id",
    "concat_ws(' ', left(courier_name, 300), left(courier_service, 300))",
    "concat_ws(' ', left(customer ->> 'name', 300), left(customer ->> 'surname', 300),"
    " left(address ->> 'street', 300), left(address ->> 'line1', 600))",
    "concat_ws(' ', left(address ->> 'house', 100), left(address ->> 'line1', 600))",
)

# What is too long for a term, or for a search, is cut: no order may fail to be stored for its words.
TERMS = rf"""
CREATE FUNCTION order_terms(
    readable_number text, external_order_id text, soi_external_id text, iiko_order_id text, pos_id text,
    courier_name text, courier_service text, phone text, customer jsonb, address jsonb
) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    texts text := search_fold({TEXTS});
    folded text[] := string_to_array(texts, U&{SIGN});
    digits text := regexp_replace(
        regexp_replace(normalize(phone, NFKC), '([0-9][^0-9]*?)[,;#A-Za-zА-яЁё].*$', '\1'), '[^0-9]', '', 'g'
    );
    terms text[];
    words text[];
    word text;
BEGIN
    FOR one IN 1..5 LOOP
        terms := terms || ('i' || left(folded[one], 255));
    END LOOP;
    FOR one IN 1..3 LOOP
        -- Of a GUID nobody looks for the middle.
        CONTINUE WHEN folded[one] = ''
            OR (length(folded[one]) BETWEEN 32 AND 36 AND folded[one] ~ '^[0-9a-f-]*$');
        words := search_terms('i', folded[one]);
        terms := terms || words;
        FOREACH word IN ARRAY words LOOP
            word := right(substring(word FROM '[0-9]+$'), 12);
            CONTINUE WHEN word IS NULL;
            FOR signs IN 2 + (one > 1)::int..length(word) LOOP
                terms := terms || ('i' || right(word, signs));
            END LOOP;
        END LOOP;
    END LOOP;
    terms := terms || search_terms('c', folded[6]) || search_terms('p', folded[6]) || search_terms('p', folded[7]);
    FOREACH word IN ARRAY search_terms('h', folded[8]) LOOP
        IF ascii(right(word, -1)) BETWEEN 48 AND 57 THEN
            terms := terms || word;
        END IF;
    END LOOP;
    IF digits <> '' THEN
        terms := terms || ('t' || digits);
        IF length(digits) >= 7 THEN
            terms := terms || ('e' || right(digits, 4));
        END IF;
    END IF;
    terms := array_remove(terms, 'i');
    IF octet_length(texts) > 1000 THEN
        terms := ARRAY(SELECT left(each, 256) FROM unnest(terms) AS each);
    END IF;
    RETURN array_to_tsvector(terms);
END
$$
"""  # noqa: S608  # of constants alone

SOURCES = (
    "readable_number",
    "external_order_id",
    "soi_external_id",
    "iiko_order_id",
    "pos_id",
    "courier_name",
    "external_courier_service_name",
    "phone",
    "customer",
    "address",
)


def row(name: str) -> str:
    return ", ".join(f"{name}.{column}" for column in SOURCES)


WRITE = f"""
CREATE FUNCTION write_order_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_terms (order_id, terms) VALUES (NEW.id, order_terms({row("NEW")}))
    ON CONFLICT (order_id) DO UPDATE SET terms = excluded.terms WHERE order_terms.terms <> excluded.terms;
    RETURN NULL;
END
$$
"""  # noqa: S608  # of constants alone

TRIGGERS = f"""
CREATE TRIGGER orders_terms_of_new AFTER INSERT ON orders
FOR EACH ROW EXECUTE FUNCTION write_order_terms();
CREATE TRIGGER orders_terms_of_changed AFTER UPDATE OF {", ".join(SOURCES)} ON orders
FOR EACH ROW WHEN (({row("OLD")}) IS DISTINCT FROM ({row("NEW")}))
EXECUTE FUNCTION write_order_terms();
"""

DROPPED = "DROP FUNCTION order_terms(text, text, text, text, text, text, text, text, jsonb, jsonb)"


class Migration(migrations.Migration):
    dependencies = [("orders", "0023_index_commands_by_event")]

    operations = [
        migrations.CreateModel(
            name="OrderTerms",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="orders.order",
                    ),
                ),
                ("terms", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={"db_table": "order_terms"},
        ),
        # By the database, so that whoever deletes an order need not know of its terms.
        migrations.RunSQL(
            "alter table order_terms add constraint order_terms_order foreign key (order_id) "
            "references orders (id) on delete cascade",
            "alter table order_terms drop constraint order_terms_order",
        ),
        migrations.RunSQL(FOLD, "DROP FUNCTION search_fold(text)"),
        migrations.RunSQL(WORDS, "DROP FUNCTION search_terms(text, text)"),
        migrations.RunSQL(TERMS, DROPPED),
        migrations.RunSQL(WRITE, "DROP FUNCTION write_order_terms()"),
        migrations.RunSQL(
            TRIGGERS,
            "DROP TRIGGER orders_terms_of_changed ON orders; DROP TRIGGER orders_terms_of_new ON orders",
        ),
    ]
