"""Make people for the demonstration's contact files: names of several languages, addresses at reserved domains (RFC 2606)."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

_NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "de": (
        (
            "Anna", "Jürgen", "Björn", "Käthe", "Sören", "Lena", "Mathias", "Ulrike", "Grete", "Jörg", "Hannah", "Felix", "Mareike", "Günter", "Paul",
            "Elfriede", "Tim", "Bärbel", "Konrad", "Sabine", "Ömer", "Ayşe", "Lukas", "Friederike", "Rüdiger", "Theresa", "Jonas", "Wiebke", "Emil", "Clara",
        ),
        (
            "Müller", "Schäfer", "Weiß", "Krüger", "Groß", "Vogt", "Brandt", "Jäger", "Schröder", "Köhler", "Fuchs", "Lang", "Böhm", "Winter", "Kühn",
            "Vogel", "Horn", "Pohl", "Ebert", "Lindner", "Yılmaz", "Kaya", "Thiel", "Seidel", "Bergmann", "Förster", "Hübner", "Nowak", "Ziegler", "Arnold",
        ),
    ),
    "fr": (
        (
            "Élodie", "François", "Chloé", "Théo", "Zoé", "Noël", "Benoît", "Hélène", "Agnès", "Gaël", "Maëlle", "Rémi", "Léa", "Jérôme", "Solène",
            "Amélie", "Cédric", "Inès", "Loïc", "Camille", "Mathieu", "Océane", "Aurélien", "Nadia", "Yasmine", "Mehdi", "Lucie", "Étienne", "Margaux", "Simon",
        ),
        (
            "Lefèvre", "Béranger", "Garnier", "Desprès", "Chevalier", "Fournier", "Gérard", "Mercier", "Lacroix", "Noël", "Perrin", "Rénaud", "Marchand", "Benoît",
            "Dupré", "Faure", "Guérin", "Collet", "Picard", "Royer", "Aubry", "Bailly", "Hervé", "Carré", "Diallo", "Benali", "Léger", "Vidal", "Poirier", "Tessier",
        ),
    ),
    "en": (
        (
            "Olivia", "George", "Siân", "Rhys", "Niamh", "Callum", "Priya", "Arjun", "Grace", "Seán", "Zara", "Ewan", "Beatrice", "Tariq", "Imogen",
            "Harriet", "Dylan", "Aisha", "Fergus", "Maya", "Owen", "Freya", "Róisín", "Joshua", "Esther", "Kwame", "Thandi", "Leo", "Ada", "Miles",
        ),
        (
            "O'Neill", "Hughes", "Patel", "Campbell", "Fraser", "Ó Briain", "Singh", "Lloyd", "Baker", "Okafor", "Walsh", "Hart", "Price", "Kaur", "Doyle",
            "Bennett", "Ward", "Mensah", "Chapman", "Reid", "Webb", "Rahman", "Knight", "Ellis", "Murphy", "Stone", "Sharma", "Gibson", "Barrett", "Cole",
        ),
    ),
}  # fmt: skip
_MAILBOXES = {
    "de": ("gmx.example", "web.example", "freenet.example", "gmail.example", "outlook.example", "icloud.example"),
    "fr": ("gmail.example", "orange.example", "laposte.example", "hotmail.example", "yahoo.example", "icloud.example"),
    "en": ("gmail.example", "hotmail.example", "yahoo.example", "icloud.example", "outlook.example", "aol.example"),
}
_FIRMS = (
    "nord",
    "linden",
    "atelier",
    "hafen",
    "studio",
    "granit",
    "moulin",
    "rivage",
    "castle",
    "harbour",
    "meadow",
    "copper",
    "blatt",
    "sonne",
    "velo",
)
_TRADES = ("bau", "druck", "consult", "media", "works", "design", "logistik", "conseil", "legal", "foods", "labs", "garten")


@dataclass(frozen=True, slots=True)
class Person:
    """One contact as its file will hold it."""

    first_name: str
    last_name: str
    email: str


class People:
    """A stream of people that is the same for the same seed; no address comes twice."""

    def __init__(self, language: str, seed: int) -> None:
        self._random = random.Random(f"{language} {seed}")  # noqa: S311 - made-up people need no secrecy
        self._language = language
        self._taken: set[str] = set()

    def next(self) -> Person:
        """Return somebody new."""
        first_names, last_names = _NAMES[self._language]
        first, last = self._random.choice(first_names), self._random.choice(last_names)
        local = self._local(_plain(first), _plain(last))
        email = f"{local}@{self._domain()}"
        while email in self._taken:
            name, _at, domain = email.partition("@")
            email = f"{name}{self._random.randint(1, 99)}@{domain}"
        self._taken.add(email)
        return Person(first, last, email)

    def _local(self, first: str, last: str) -> str:
        form = self._random.random()
        if form < 0.5:
            return f"{first}.{last}"
        if form < 0.65:
            return f"{first[0]}.{last}"
        if form < 0.8:
            return f"{first}{last}{self._random.randint(60, 99)}"
        if form < 0.9:
            return f"{last}-{first[0]}"
        return f"{first}_{last}"

    def _domain(self) -> str:
        if self._random.random() < 0.72:
            return self._random.choice(_MAILBOXES[self._language])
        return f"{self._random.choice(_FIRMS)}-{self._random.choice(_TRADES)}.example"


_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ı": "i", "'": "", " ": ""})


def _plain(name: str) -> str:
    spelled = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return "".join(letter for letter in spelled if letter.isascii())
