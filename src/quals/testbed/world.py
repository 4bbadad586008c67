"""What happened? Events and stories, drawn so that no event occurs in two splits."""

import random
import zlib
from dataclasses import dataclass, field

from quals.testbed.events import EVENT_TYPES, EventType
from quals.testbed.lexicon import KINDS

# Share of the twenty buckets of principal pairs that belongs to each split.
SPLIT_BUCKETS = {"train": range(0, 14), "validation": range(14, 17), "test": range(17, 20)}


@dataclass(frozen=True)
class Event:
    """An event as a text states it: `values` holds the stated roles only."""

    kind: str
    values: dict[str, str] = field(hash=False)

    @property
    def type(self) -> EventType:
        return EVENT_TYPES[self.kind]


@dataclass(frozen=True)
class Story:
    """What one article reports: the main event first, then a distractor of the same type."""

    id: str
    events: tuple[Event, ...]

    @property
    def main(self) -> Event:
        return self.events[0]

    def to_row(self) -> dict[str, object]:
        return {
            "id": self.id,
            "events": [{"kind": event.kind, "values": event.values} for event in self.events],
        }

    @classmethod
    def from_row(cls, row: dict) -> "Story":
        events = tuple(Event(event["kind"], event["values"]) for event in row["events"])
        return cls(row["id"], events)


def bucket(kind: str, values: dict[str, str]) -> int:
    """Which of twenty buckets the event's principal pair falls into (stable across runs)."""
    first, second = list(EVENT_TYPES[kind].roles)[:2]
    return zlib.crc32(f"{kind}|{values[first]}|{values[second]}".encode()) % 20


def draw_event(
    rng: random.Random, kind: str, split: str, apart_from: tuple[dict[str, str], ...] = ()
) -> dict[str, str]:
    """All roles of an event of the split that differs from others in every single role."""
    event_type = EVENT_TYPES[kind]
    while True:
        values: dict[str, str] = {}
        for role, pool in event_type.roles.items():
            # A value occurs once in a story for each pool: a wrong name is never right by chance.
            taken = {
                other[name]
                for other in (*apart_from, values)
                for name, kind_of in event_type.roles.items()
                if kind_of == pool and name in other
            }
            value = KINDS[pool].draw(rng)
            while value in taken:
                value = KINDS[pool].draw(rng)
            values[role] = value
        if bucket(kind, values) in SPLIT_BUCKETS[split]:
            return values


def draw_story(
    rng: random.Random, story_id: str, split: str, *, detail_share: float, aside_share: float
) -> Story:
    """A main event and a distractor, each with the roles that the article will state.

    One distractor, not a varying number: with more events there is more to ask about, which lowers
    the document's likelihood of every question and would drown what QUALS has to see.

    `detail_share` and `aside_share` are the chances that the article states an optional role and
    the event type's aside.
    """
    kind = rng.choice(list(EVENT_TYPES))
    event_type = EVENT_TYPES[kind]
    drawn: list[dict[str, str]] = []
    for _ in range(2):
        drawn.append(draw_event(rng, kind, split, tuple(drawn)))
    events = []
    for position, values in enumerate(drawn):
        chances = {role: detail_share for role in event_type.roles}
        chances |= {event_type.aside: aside_share} | dict.fromkeys(event_type.core, 1.0)
        if position:  # a distractor is told in brief
            chances |= {r: 0.4 * chances[r] for r in event_type.roles if r not in event_type.core}
        stated = {role: v for role, v in values.items() if rng.random() < chances[role]}
        events.append(Event(kind, stated))
    return Story(story_id, tuple(events))
