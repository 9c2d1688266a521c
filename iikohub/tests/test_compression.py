"""What is sent compressed, and what is not."""

import gzip
from typing import Any

import pytest
from django.test import Client

from tests.builders import RECEIVE_URL, TOKEN, authorized, cloud_event, make_key, make_organization
from tests.pages import ORDERS, sign_in

pytestmark = pytest.mark.django_db

ASKS = {"Accept-Encoding": "gzip"}


def is_compressed(response: Any) -> bool:
    return bool(response.headers.get("Content-Encoding") == "gzip")


def test_pages_and_their_files_are_compressed(client: Client) -> None:
    make_organization()
    sign_in(client, "orders.view_order", "orders.export_order")

    page = client.get(ORDERS, headers=ASKS)
    file = client.get(f"{ORDERS}export/", headers=ASKS)

    assert is_compressed(page)
    assert b"<title>" in gzip.decompress(page.content)
    assert is_compressed(file)
    assert "Номер" in gzip.decompress(file.getvalue()).decode("utf-8-sig")
    assert not is_compressed(client.get(ORDERS))


def test_length_of_a_page_does_not_tell_what_is_on_it(client: Client) -> None:
    sign_in(client, "orders.view_order")

    lengths = {len(client.get(ORDERS, headers=ASKS).content) for _ in range(8)}

    assert len(lengths) > 1


def test_machines_and_workbooks_get_what_they_got(client: Client) -> None:
    make_organization()
    sign_in(client, "orders.view_order", "orders.export_order")

    for path in ("/metrics", "/metrics/", "/api/schema/", "/api/v1/organizations"):
        assert not is_compressed(client.get(path, headers=authorized(make_key(name=path)) | ASKS))
    workbook = client.get(f"{ORDERS}export/xlsx/", headers=ASKS)
    assert workbook.getvalue().startswith(b"PK")
    assert not is_compressed(workbook)
    received = Client().post(
        RECEIVE_URL,
        [cloud_event()],
        content_type="application/json",
        headers={"Authorization": f"Bearer {TOKEN}", **ASKS},
    )
    assert (received.status_code, is_compressed(received)) == (200, False)
