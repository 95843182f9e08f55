"""Who plays in the demonstration: the reseller's brand, and three shops with their people, files, letters and limits."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from posthouse.webui.demo.files import BOOKS, TEA, TRAVEL, ContactFile, Format, make

RESELLER = "Nordlicht Post"
COLOUR = "#1f5f8b"
PLAN = "Reisebüro"
OPERATOR_EMAIL, OPERATOR_NAME = "operator@post.example", "Olga Brandt"
RESELLER_EMAIL, RESELLER_NAME = "astrid@nordlicht-post.example", "Astrid Lindqvist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One tenant. `quota` is its messages a month; with `by_plan` a plan that it pays for gives them, otherwise its reseller."""

    name: str
    legal_name: str
    postal_address: str
    timezone: str
    domain: str
    owner: str
    owner_email: str
    from_name: str
    subject: str
    preheader: str
    title: str
    letter: str
    language: str
    form: Format
    file_name: str
    people: int
    quota: int
    by_plan: bool = False
    by_key: bool = False

    def contacts(self) -> ContactFile:
        """Write its contact file; the same each time."""
        return make(self.file_name, self.form, language=self.language, people=self.people)

    def source(self) -> tuple[str, str]:
        """Return its letter's kind and source."""
        text = files("posthouse.webui.demo").joinpath("letters", self.letter).read_text("utf-8")
        return ("mjml" if self.letter.endswith(".mjml") else "html"), text


CAST = (
    Part(
        name="Leaf & Kettle",
        legal_name="Leaf & Kettle Ltd",
        postal_address="14 Shore Place\nEdinburgh EH6 6SW\nScotland",
        timezone="Europe/London",
        domain="leafandkettle.example",
        owner="Siân Campbell",
        owner_email="sian@leafandkettle.example",
        from_name="Siân at Leaf & Kettle",
        subject="{{ contact.first_name | default: 'Hello' }}, the spring leaf is here",
        preheader="Six days late, twice inspected, and worth every telephone call.",
        title="Spring letter",
        letter="tea.html",
        language="en",
        form=TEA,
        file_name="tea-drinkers.csv",
        people=1_900,
        quota=10_000,
    ),
    Part(
        name="Wanderlust Reisen",
        legal_name="Wanderlust Reisen GmbH",
        postal_address="Kaiserstraße 8\n80801 München",
        timezone="Europe/Berlin",
        domain="wanderlust-reisen.example",
        owner="Bärbel Jäger",
        owner_email="baerbel@wanderlust-reisen.example",
        from_name="Wanderlust Reisen",
        subject="Der Frühling geht voraus – sechs Wege, {{ contact.first_name | default: 'die wir lieben' }}",
        preheader="Südtirol, Wallis, Hohe Tauern: Plätze sind noch da.",
        title="Reisebrief Frühling",
        letter="travel.mjml",
        language="de",
        form=TRAVEL,
        file_name="kunden.csv",
        people=2_300,
        quota=1_500,
        by_plan=True,
    ),
    Part(
        name="Librairie du Port",
        legal_name="Librairie du Port SARL",
        postal_address="22 quai des Émigrants\n29200 Brest\nFrance",
        timezone="Europe/Paris",
        domain="librairieduport.example",
        owner="Zoé Lefèvre",
        owner_email="zoe@librairieduport.example",
        from_name="La librairie du Port",
        subject="Dix livres d’avril pour {{ contact.first_name | default: 'vous' }}",
        preheader="Le printemps est arrivé par la mer, avec beaucoup de cartons.",
        title="La lettre d’avril",
        letter="books.html",
        language="fr",
        form=BOOKS,
        file_name="lecteurs.tsv",
        people=2_000,
        quota=10_000,
        by_key=True,
    ),
)
