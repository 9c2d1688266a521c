from dataclasses import asdict
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sandbox.catalogue.world import DEFAULT_SEED, build_world


def _ids(value: Any) -> list[UUID]:
    if isinstance(value, dict):
        return [found for each in value.values() for found in _ids(each)]
    if isinstance(value, (tuple, list)):
        return [found for each in value for found in _ids(each)]
    return [value] if isinstance(value, UUID) else []


def test_same_seed_builds_the_same_world() -> None:
    assert build_world(7) == build_world(7)


def test_ids_of_the_default_world_never_change() -> None:
    # The hub's demo data and other people's notes name these.
    assert DEFAULT_SEED == 1
    assert [str(each.id) for each in build_world().organizations] == [
        "d75a452b-472a-5540-af29-4a861739166f",
        "4f831da2-b4a1-523a-aa8e-b190e38c43ec",
        "d3645b09-f2fb-502d-8340-6b7e3086fdcc",
        "45e4e113-0572-5bd3-9f83-281667c0b842",
    ]


def test_worlds_of_two_seeds_share_no_id() -> None:
    one, other = (set(_ids(asdict(build_world(seed)))) for seed in (1, 2))

    assert len(one) > 200
    assert one & other == set()


def test_restaurants_lie_in_different_time_zones() -> None:
    world = build_world()

    assert [(each.name, each.time_zone) for each in world.organizations] == [
        ("Кафе «Берёзка», Тюмень", "Asia/Yekaterinburg"),
        ("Пиццерия «Маяк», Калининград", "Europe/Kaliningrad"),
        ("Суши-бар «Волна», Казань", "Europe/Moscow"),
        ("Бистро «Сопка», Владивосток", "Asia/Vladivostok"),
    ]
    for organization in world.organizations:
        assert organization.zone == ZoneInfo(organization.time_zone)
        assert {group.time_zone for group in organization.terminal_groups} == {organization.time_zone}


def test_only_one_restaurant_speaks_soi() -> None:
    assert [each.short_name for each in build_world().organizations if each.uses_soi] == ["Сопка"]


def test_every_phone_is_an_invented_one_and_nobody_shares_it() -> None:
    phones = [
        phone
        for organization in build_world().organizations
        for phone in (
            *(employee.phone for employee in (*organization.couriers, *organization.operators)),
            *(guest.phone for guest in organization.regulars),
        )
    ]

    assert len(phones) == 4 * (5 + 2 + 30)
    assert len(set(phones)) == len(phones)
    assert all(phone.startswith("+7904000") and len(phone) == 12 for phone in phones)


def test_unknown_organization_is_not_found() -> None:
    world = build_world()

    assert world.organization(world.organizations[2].id) is world.organizations[2]
    assert world.organization(UUID(int=0)) is None
