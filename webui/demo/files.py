"""Write the demonstration's three contact files as other products export them, with what is wrong in real ones."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass

from posthouse.webui.demo.people import People, Person

_SEED = 1912
#: Addresses that no mail can be sent to; each must be refused with its reason.
_BROKEN = (
    "keine-adresse",
    "two@at@signs.example",
    "blank in@between.example",
    "dot.@end.example",
    "a@b@",
    "@nobody.example",
    "x@one-label",
    "-",
    "tab\x07@bell.example",
)
#: International addresses: letters in the domain (IDNA) and before the @ (SMTPUTF8).
_INTERNATIONAL = ("info@bücherstube.example", "jürgen@hafen-druck.example", "josé@señal.example", "reservas@peñon.example")
_NOTE = 'Met at the fair,\n"wants samples" of: first flush;\nsecond flush'


@dataclass(frozen=True, slots=True)
class Format:
    """How a product writes its files."""

    header: tuple[str, ...]
    delimiter: str
    encoding: str
    quoting: int
    line_end: str
    row: Callable[[Person, random.Random, int], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ContactFile:
    """A file's content, and how many different addresses in it can be written to."""

    name: str
    data: bytes
    rows: int
    good: int


def _from_a_newsletter_service(person: Person, chance: random.Random, number: int) -> tuple[str, ...]:
    teas = ("Darjeeling", "Oolong", "Earl Grey", "Genmaicha", "Lapsang Souchong", "Rooibos", "")
    notes = _NOTE if number % 40 == 0 else ""
    since = f"20{chance.randint(18, 26)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    city = chance.choice(("Leith", "Bath", "Cardiff", "St. Ives, Cornwall", "York", "Galway"))
    return person.email, person.first_name, person.last_name, city, chance.choice(teas), since, notes, "tea,shop"


def _from_a_booking_office(person: Person, chance: random.Random, number: int) -> tuple[str, ...]:
    cities = (("80331", "München"), ("01067", "Dresden"), ("50667", "Köln"), ("24103", "Kiel"), ("8001", "Zürich"), ("5020", "Salzburg"))
    code, city = chance.choice(cities)
    trips = ("Südtirol zu Fuß", "Wallis mit der Bahn", "Hohe Tauern", "Allgäu im Frühling", "")
    salutation = chance.choice(("Herr", "Frau", ""))
    return f"{number + 10_000}", salutation, person.first_name, person.last_name, person.email, code, city, chance.choice(trips)


def _from_a_shop(person: Person, chance: random.Random, number: int) -> tuple[str, ...]:
    books = ("L'Étranger", "Bonjour tristesse", "La Peste", "Les Années", "Nadja", "")
    city = chance.choice(("Orléans", "Nîmes", "Besançon", "Saint-Étienne", "Liège", "Genève"))
    return str(number), person.email, person.first_name, person.last_name, city, chance.choice(books), str(chance.randint(0, 900))


TEA = Format(
    ("Email Address", "First Name", "Last Name", "City", "Favourite Tea", "Member Since", "Notes", "Tags"),
    ",", "utf-8-sig", csv.QUOTE_MINIMAL, "\n", _from_a_newsletter_service,
)  # fmt: skip
TRAVEL = Format(
    ("Kundennummer", "Anrede", "Vorname", "Nachname", "E-Mail-Adresse", "PLZ", "Ort", "Letzte Reise"),
    ";", "cp1252", csv.QUOTE_ALL, "\r\n", _from_a_booking_office,
)  # fmt: skip
BOOKS = Format(
    ("id", "courriel", "prénom", "nom", "ville", "dernier livre", "points"),
    "\t", "utf-8", csv.QUOTE_MINIMAL, "\r\n", _from_a_shop,
)  # fmt: skip


def make(name: str, form: Format, *, language: str, people: int) -> ContactFile:
    """Write a file with that many people; besides, every 40th row repeats an earlier address and every 60th is broken."""
    chance = random.Random(f"{name} {_SEED}")  # noqa: S311 - a made-up file needs no secrecy
    crowd = People(language, _SEED)
    rows: list[tuple[str, ...]] = []
    good: set[str] = set()
    for number in range(1, people + 1):
        person = _somebody(crowd, number, form.encoding)
        good.add(person.email.lower())
        rows.append(form.row(_as_typed(person, number), chance, number))
        if number % 40 == 0:
            rows.append(form.row(Person(person.first_name, person.last_name, person.email.upper()), chance, number))
        if number % 60 == 0:
            rows.append(form.row(Person("", "", _BROKEN[number // 60 % len(_BROKEN)]), chance, number))
    return ContactFile(name, _written(form, rows), len(rows), len(good))


def _somebody(crowd: People, number: int, encoding: str) -> Person:
    person = crowd.next()
    if number <= len(_INTERNATIONAL) and _can_write(_INTERNATIONAL[number - 1], encoding):
        return Person(person.first_name, person.last_name, _INTERNATIONAL[number - 1])
    if not _can_write(person.first_name + person.last_name, encoding):
        # What an old product cannot write it writes without its marks.
        return Person(
            person.first_name.encode(encoding, "replace").decode(encoding),
            person.last_name.encode(encoding, "replace").decode(encoding),
            person.email,
        )
    return person


def _as_typed(person: Person, number: int) -> Person:
    """People type names in capitals, addresses with a capital or a blank, and leave the name out."""
    if number % 25 == 0:
        return Person(person.first_name.upper(), person.last_name.upper(), f" {person.email} ")
    if number % 17 == 0:
        return Person("", "", person.email.capitalize())
    return person


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _written(form: Format, rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=form.delimiter, quoting=form.quoting, lineterminator=form.line_end)  # type: ignore[arg-type]
    writer.writerow(form.header)
    writer.writerows(rows)
    return text.getvalue().encode(form.encoding)
