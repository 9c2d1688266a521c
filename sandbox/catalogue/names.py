"""Invented people and remarks.

All phones start with +7904000, so that none is taken for a real one.
"""

from __future__ import annotations

from random import Random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MALE_NAMES = _words(
    "Алексей Антон Артём Борис Вадим Виктор Глеб Денис Егор Захар Илья Кирилл Лев Максим Никита "
    "Олег Павел Роман Степан Тимур Фёдор Юрий"
)
FEMALE_NAMES = _words(
    "Алина Анна Вера Галина Дарья Ева Жанна Зоя Инна Ксения Лидия Майя Надежда Ольга Полина Рита "
    "Софья Тамара Ульяна Эльвира Юлия Яна"
)
SURNAME_STEMS = _words(
    "Берёзов Ветров Громов Дубров Егоров Журавлёв Зимин Калинин Лесков Морозов Насыров Озеров "
    "Полевов Ручьёв Снегов Туманов Усов Фомин Холмов Чайкин Шишкин Яблоков"
)

COMMENTS = (
    "Позвонить за 10 минут",
    "Домофон не работает, наберите с телефона",
    "Сдача с 5000",
    "Без приборов, пожалуйста",
    "Оставить у двери",
    "Аллергия на орехи!",
    "Во дворе шлагбаум, код 45В",
    "Поздравьте с днём рождения 🎂",
    "Соус отдельно — очень просим",
)
DISH_COMMENTS = ("без лука", "без льда", "поострее", "нарезать на 8 частей", "погорячее")
PROBLEMS = (
    "Гость не отвечает на звонок",
    "Адрес не найден, уточняем у гостя",
    "Курьер стоит в пробке",
    "Закончилось тесто, ждём новую партию",
)
CANCEL_COMMENTS = ("Гость передумал", "Дубль заказа", "Не дождались подтверждения", None)
DELIVERY_ZONES = ("Центр", "Северный", "Заречный")


def phone(number: int) -> str:
    """Make the phone that ends with the four digits of ``number``."""
    return f"+7904000{number % 10_000:04d}"


def person(random: Random) -> tuple[str, str, bool]:
    """Invent a name, a surname and whether both are a woman's."""
    is_woman = random.random() < 0.5
    name = random.choice(FEMALE_NAMES if is_woman else MALE_NAMES)
    surname = random.choice(SURNAME_STEMS)
    return name, surname + "а" if is_woman else surname, is_woman
