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
SEPARATORS = "".join(chr(code) for code in range(1, 128) if not chr(code).isalnum()) + "\u0085\u2028\u2029"


def literal(text: str) -> str:
    codes = "".join(f"\\{ord(sign):04x}" for sign in text)
    return f"U&'{codes}'"


FOLD = f"""
CREATE FUNCTION search_fold(given text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(lower(normalize(given, NFKC)), {literal(FOLDED_FROM)}, {literal(FOLDED_TO)})
"""

WORDS = f"""
CREATE FUNCTION search_words(given text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN string_to_array(translate(search_fold(given), {literal(SEPARATORS)}, repeat(' ', {len(SEPARATORS)})), ' ')
"""

# What is too long for a lexeme, or for a search, is cut: no order may fail to be stored for its words.
TERMS = r"""
CREATE FUNCTION order_terms(
    readable_number text, external_order_id text, soi_external_id text, iiko_order_id text, pos_id text,
    courier_name text, courier_service text, phone text, customer jsonb, address jsonb
) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    number text := search_fold(readable_number);
    digits text := regexp_replace(
        regexp_replace(normalize(phone, NFKC), '([0-9][^0-9]*?)[,;#A-Za-zА-яЁё].*$', '\1'), '[^0-9]', '', 'g'
    );
    courier text := concat_ws(' ', left(courier_name, 300), left(courier_service, 300));
    parts text := '';
    given text;
BEGIN
    FOREACH given IN ARRAY ARRAY[search_fold(external_order_id), search_fold(soi_external_id)] LOOP
        -- Of a GUID nobody looks for the middle.
        IF given !~ '^[0-9a-f-]{32,36}$' THEN
            parts := parts || ' ' || given;
        END IF;
    END LOOP;
    RETURN coalesce((
        SELECT array_to_tsvector(array_agg(DISTINCT kind || left(term, 255)))
        FROM (
            SELECT 'i', search_fold(id)
            FROM unnest(ARRAY[number, external_order_id, soi_external_id, iiko_order_id, pos_id]) AS id
            UNION ALL
            SELECT 'i', unnest(search_words(concat_ws(' ', number, parts)))
            UNION ALL
            SELECT 'i', right(run[1], last)
            FROM regexp_matches(number, '[0-9]{3,12}(?![0-9])', 'g') AS run,
                 generate_series(2, length(run[1])) AS last
            UNION ALL
            SELECT 'i', right(run[1], last)
            FROM regexp_matches(parts, '[0-9]{3,12}(?![0-9])', 'g') AS run,
                 generate_series(3, length(run[1])) AS last
            UNION ALL
            SELECT 'c', unnest(search_words(courier))
            UNION ALL
            SELECT 'p', unnest(search_words(concat_ws(
                ' ', courier, left(customer ->> 'name', 300), left(customer ->> 'surname', 300),
                left(address ->> 'street', 300), left(address ->> 'line1', 600)
            )))
            UNION ALL
            SELECT 'h', unnest(search_words(concat_ws(
                ' ', left(address ->> 'house', 100), left(address ->> 'line1', 600)
            )))
            UNION ALL
            SELECT 't', digits
            UNION ALL
            SELECT 'e', right(digits, 4) WHERE length(digits) >= 7
        ) AS found(kind, term)
        WHERE term <> '' AND (kind <> 'h' OR term ~ '^[0-9]')
    ), ''::tsvector);
END
$$
"""

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
    dependencies = [("orders", "0020_relabel_commands")]

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
            "ALTER TABLE order_terms ADD CONSTRAINT order_terms_order FOREIGN KEY (order_id) "
            "REFERENCES orders (id) ON DELETE CASCADE",
            "ALTER TABLE order_terms DROP CONSTRAINT order_terms_order",
        ),
        migrations.RunSQL(FOLD, "DROP FUNCTION search_fold(text)"),
        migrations.RunSQL(WORDS, "DROP FUNCTION search_words(text)"),
        migrations.RunSQL(TERMS, DROPPED),
        migrations.RunSQL(WRITE, "DROP FUNCTION write_order_terms()"),
        migrations.RunSQL(
            TRIGGERS,
            "DROP TRIGGER orders_terms_of_changed ON orders; DROP TRIGGER orders_terms_of_new ON orders",
        ),
    ]
