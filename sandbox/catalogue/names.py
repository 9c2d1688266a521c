"""Invented people and remarks, from the file that holds all the restaurants are made of.

All phones start with +7904000, so that none is taken for a real one.
"""

import tomllib
from pathlib import Path
from random import Random
from typing import Any

Table = dict[str, Any]
DATA: Table = tomllib.loads(Path(__file__).with_name("restaurants.toml").read_text("utf-8"))
_WORDS: dict[str, list[str]] = DATA["words"]
COMMENTS, DISH_COMMENTS = _WORDS["comments"], _WORDS["dish_comments"]
PROBLEMS, DELIVERY_ZONES = _WORDS["problems"], _WORDS["delivery_zones"]
CANCEL_COMMENTS = (*_WORDS["cancel_comments"], None)


def phone(number: int) -> str:
    """Make the phone that ends with the four digits of ``number``."""
    return f"+7904000{number % 10_000:04d}"


def person(random: Random) -> tuple[str, str, str]:
    """Invent a name, a surname and the gender of both."""
    is_woman = random.random() < 0.5
    name = random.choice(_WORDS["female_names" if is_woman else "male_names"])
    surname = random.choice(_WORDS["surname_stems"])
    return (name, surname + "а", "Female") if is_woman else (name, surname, "Male")
