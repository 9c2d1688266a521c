"""Records and fields of messages, read as they are declared."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from iiko_client.json_reader import BadValue, Reader
from iiko_client.message_fields import At, plan_of
from iiko_client.records import column, essential, flag, ids, issues, many, read, text, wire
from iiko_client.units import MinorUnits


@dataclass(frozen=True, slots=True)
class Size:
    id: str = essential("id", Reader.ident)


@dataclass(frozen=True, slots=True)
class Dish:
    id: str = essential("id", Reader.ident)
    name: str = text("name")
    price: MinorUnits | None = wire("sum", Reader.money)
    is_deleted: bool = flag("isDeleted")
    sizes: tuple[Size, ...] = many("sizes", Size)
    tags: tuple[str, ...] = column("tags", "name", Reader.label)
    menus: tuple[str, ...] = ids("menus")
    issues: tuple[str, ...] = issues()


def test_bad_field_is_noted_and_the_others_stay() -> None:
    wire_dish = {
        "id": "D-1",
        "name": 5,
        "sum": "dear",
        "isDeleted": [],
        "sizes": [{"id": "S"}, {}, 7],
        "tags": [{"name": "hot"}, {"name": " "}],
        "menus": ["m", None],
    }

    assert read(Dish, Reader(wire_dish)) == Dish(
        id="D-1",
        name="5",
        price=None,
        is_deleted=False,
        sizes=(Size("S"),),
        tags=("hot",),
        menus=("m",),
        issues=(
            "sum: 'dear' is not an amount of money",
            "isDeleted: expected true or false, got '[]'",
            "sizes[2]: expected an object",
            "sizes[1].: id is missing",
        ),
    )


@pytest.mark.parametrize(
    "wrong", [{}, {"id": None}, {"id": []}, {"id": "00000000-0000-0000-0000-000000000000"}]
)
def test_without_an_essential_there_is_no_record(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadValue):
        read(Dish, Reader(wrong))


def test_what_is_given_is_not_read() -> None:
    assert read(Dish, Reader({"id": []}), id="known").id == "known"


class Told(TypedDict, total=False):
    comment: Annotated[str | None, At("comment", Reader.label)]
    tables: Annotated[list[str], At("tables", Reader.idents, is_list=True)]
    courier_id: Annotated[str | None, At("courierInfo.courier.id", Reader.ident)]
    courier_name: Annotated[str | None, At("courierInfo.courier.name", Reader.label)]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({}, {}),
        ({"comment": None, "tables": None}, {"comment": None, "tables": []}),
        ({"comment": [], "tables": 5}, {"comment": None, "tables": []}),
        ({"courierInfo": None}, {"courier_id": None, "courier_name": None}),
        ({"courierInfo": 5}, {"courier_id": None, "courier_name": None}),
        (
            {"courierInfo": {"courier": {"id": "C", "name": "Иван"}}},
            {"courier_id": "C", "courier_name": "Иван"},
        ),
        ({"courierInfo": "Иван"}, {"courier_id": None, "courier_name": "Иван"}),
    ],
)
def test_absent_field_is_left_out_and_an_empty_one_is_empty(message: Any, told: Told) -> None:
    fields = Told()

    plan_of(Told).read(Reader(message), fields)

    assert fields == told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "name", "courier"]), inner),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a machine under load
@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "name", "sum", "isDeleted", "sizes", "tags", "menus", "comment", "courierInfo"]
        ),
        JSON,
    )
)
def test_no_content_makes_reading_raise(message: dict[str, Any]) -> None:
    read(Dish, Reader(message), id="known")
    plan_of(Told).read(Reader(message), Told())
