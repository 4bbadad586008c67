"""Which names, numbers and things exist in the world? Pools shared by all splits."""

import itertools
import random
import re
from dataclasses import dataclass
from functools import cached_property

FIRST = [
    "Ada",
    "Alan",
    "Amir",
    "Anna",
    "Beth",
    "Boris",
    "Carla",
    "Cyril",
    "Dana",
    "Dev",
    "Edith",
    "Elias",
    "Emma",
    "Farah",
    "Felix",
    "Gemma",
    "Gus",
    "Hana",
    "Hugo",
    "Ines",
    "Ivan",
    "Jana",
    "Joel",
    "Kira",
    "Lars",
    "Lena",
    "Liam",
    "Mara",
    "Milo",
    "Nadia",
    "Noel",
    "Olga",
    "Omar",
    "Petra",
    "Priya",
    "Quinn",
    "Rosa",
    "Ruth",
    "Samir",
    "Sara",
    "Tara",
    "Theo",
    "Uma",
    "Vera",
    "Viktor",
    "Wanda",
    "Yusuf",
    "Zoe",
    "Agnes",
    "Bruce",
    "Clive",
    "Doris",
]
LAST = [
    "Abbot",
    "Adair",
    "Baxter",
    "Bello",
    "Brandt",
    "Calder",
    "Castro",
    "Chen",
    "Dalby",
    "Dorsey",
    "Eklund",
    "Ellery",
    "Farrow",
    "Finch",
    "Garland",
    "Gupta",
    "Hadley",
    "Holt",
    "Ibsen",
    "Ingram",
    "Jarvis",
    "Jensen",
    "Kapoor",
    "Keane",
    "Lambert",
    "Lowe",
    "Madsen",
    "Moreau",
    "Nagy",
    "Norwood",
    "Okafor",
    "Osborne",
    "Palmer",
    "Pryce",
    "Quigley",
    "Ramos",
    "Reeve",
    "Rossi",
    "Saito",
    "Selby",
    "Tanner",
    "Thorne",
    "Udall",
    "Usman",
    "Vance",
    "Vickers",
    "Walsh",
    "Wexler",
    "Yates",
    "Yoon",
    "Zeller",
    "Zorin",
]
# A fixed cast: a first name tells the surname, as it does for those whom readers know.
PEOPLE = tuple(f"{first} {LAST[at * 7 % len(LAST)]}" for at, first in enumerate(FIRST))
PLACES = [
    "Aldmere",
    "Ashcombe",
    "Barrowby",
    "Birchford",
    "Brackley",
    "Calderwick",
    "Corran",
    "Dunmoor",
    "Eastholm",
    "Elmstead",
    "Fenwick",
    "Foxley",
    "Glenrath",
    "Greywater",
    "Hallow",
    "Harrowgate",
    "Inverlee",
    "Ivybridge",
    "Kelby",
    "Kingsmere",
    "Langport",
    "Larkhill",
    "Marlow",
    "Merrick",
    "Netherby",
    "Norhaven",
    "Oakridge",
    "Orwell",
    "Penrith",
    "Pinewood",
    "Ravensby",
    "Redcliff",
    "Saltburn",
    "Southmere",
    "Tarnfield",
    "Thornbury",
    "Upwell",
    "Westray",
    "Winslow",
    "Wyeford",
]
STEMS = [
    "Albion",
    "Argent",
    "Atlas",
    "Beacon",
    "Blackwood",
    "Cedar",
    "Cobalt",
    "Crown",
    "Delta",
    "Dove",
    "Eagle",
    "Ember",
    "Falcon",
    "Fern",
    "Granite",
    "Harbour",
    "Heron",
    "Ivory",
    "Juniper",
    "Lantern",
    "Linden",
    "Meridian",
    "Mill",
    "Nova",
    "Onyx",
    "Orchard",
    "Phoenix",
    "Pioneer",
    "Quarry",
    "Raven",
    "Regent",
    "River",
    "Sable",
    "Sterling",
    "Summit",
    "Swift",
    "Tempest",
    "Union",
    "Vector",
    "Willow",
]
STORMS = [
    "Alma",
    "Bruno",
    "Celia",
    "Dario",
    "Elsa",
    "Fergus",
    "Greta",
    "Hector",
    "Iris",
    "Jonas",
    "Keira",
    "Lorenzo",
    "Moira",
    "Nestor",
    "Odile",
    "Pascal",
    "Ronan",
    "Selma",
    "Tobias",
    "Yvette",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def numbers(low: int, high: int, step: int) -> tuple[str, ...]:
    return tuple(str(n) for n in range(low, high + 1, step))


@dataclass(frozen=True)
class Kind:
    """A pool of values: every combination of one word from each column.

    `label` is what a named-entity recogniser calls the values (OntoNotes), or NOUN for phrases
    that a parser would give as noun chunks.
    """

    label: str
    columns: tuple[tuple[str, ...], ...]
    joiner: str = " "

    def draw(self, rng: random.Random) -> str:
        return self.joiner.join(rng.choice(column) for column in self.columns)

    def values(self) -> list[str]:
        """Every value of the pool."""
        return [self.joiner.join(words) for words in itertools.product(*self.columns)]

    @cached_property
    def expression(self) -> str:
        """A regular expression that matches the values and nothing else."""
        columns = (
            "|".join(re.escape(word) for word in sorted(column, key=len, reverse=True))
            for column in self.columns
        )
        return re.escape(self.joiner).join(f"(?:{column})" for column in columns)


def _named(label: str, suffixes: str) -> Kind:
    """Every stem with one suffix: there is an Albion Rovers, and no Albion United besides."""
    endings = suffixes.split()
    names = tuple(f"{stem} {endings[at % len(endings)]}" for at, stem in enumerate(STEMS))
    return Kind(label, (names,))


KINDS: dict[str, Kind] = {
    "person": Kind("PERSON", (PEOPLE,)),
    "place": Kind("GPE", (tuple(PLACES),)),
    "day": Kind("DATE", (tuple(DAYS),)),
    "team": _named("ORG", "Rovers United Athletic Wanderers Rangers"),
    "company": _named("ORG", "Foods Energy Bank Motors Systems Textiles"),
    "carrier": _named("ORG", "Coaches Trains Ferries Buses"),
    "party": _named("ORG", "Party Alliance League"),
    "hospital": _named("ORG", "Hospital Infirmary Clinic"),
    "university": _named("ORG", "University College Institute"),
    "storm": Kind("EVENT", (("Storm",), tuple(STORMS))),
    "score": Kind("CARDINAL", (numbers(3, 6, 1), numbers(0, 2, 1)), joiner="-"),
    "price": Kind("MONEY", (tuple(f"£{n}" for n in range(11, 60)), ("million",))),
    "damage": Kind("MONEY", (tuple(f"£{n}" for n in (2, 4, 5, 7, 8, 9)), ("million",))),
    "years": Kind("CARDINAL", (numbers(3, 25, 1),)),
    "votes": Kind("CARDINAL", (numbers(310, 990, 10),)),
    "homes": Kind("CARDINAL", (numbers(205, 995, 10),)),
    "wind": Kind("CARDINAL", (numbers(61, 99, 1),)),
    "volunteers": Kind("CARDINAL", (numbers(42, 298, 4),)),
    "injured": Kind("CARDINAL", (numbers(3, 39, 1),)),
    "cases": Kind("CARDINAL", (numbers(26, 150, 2),)),
    "crowd": Kind("CARDINAL", (("1500", "2500", "4000", "5500", "7000", "9000"),)),
    "jobs": Kind("CARDINAL", (("150", "250", "300", "350", "400", "450"),)),
    "trial": Kind("NOUN", (("two-week", "three-week", "five-day", "nine-day", "month-long"),)),
    "turnout": Kind("PERCENT", (("34", "38", "43", "47", "56", "61"), ("per cent",))),
    "delay": Kind("TIME", (("two", "three", "four", "five", "six"), ("hours",))),
    "offence": Kind(
        "NOUN",
        (
            (
                [
                    "fraud",
                    "theft",
                    "bribery",
                    "arson",
                    "perjury",
                    "smuggling",
                    "forgery",
                    "blackmail",
                    "burglary",
                ]
            ),
        ),
    ),
    "finding": Kind(
        "NOUN",
        (
            tuple(["memory", "sleep", "hearing", "eyesight", "balance", "appetite"]),
            tuple(["loss", "decline", "problems", "disorders"]),
        ),
    ),
    "funder": Kind(
        "ORG", (("Carmody", "Lister", "Pelham", "Tregowan", "Wainwright"), ("Trust", "Fund"))
    ),
    "disease": Kind(
        "NOUN",
        (
            tuple(
                [
                    "measles",
                    "cholera",
                    "flu",
                    "mumps",
                    "typhoid",
                    "hepatitis",
                    "malaria",
                    "salmonella",
                ]
            ),
        ),
    ),
    "cause": Kind(
        "NOUN",
        (
            tuple(["polluted", "raw", "imported", "stale"]),
            tuple(["water", "milk", "seafood", "meat", "poultry"]),
        ),
    ),
}
