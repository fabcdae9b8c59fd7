"""Conversations of the synthetic world: a user with a taste, and a recommender who serves it.

The user's facts come out bit by bit, now and then wrong and corrected. What the recommender offers
is drawn from the whole taste, said or not, so the text tells the targets, and tells them better as
it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from string import Formatter

from crsgym.data.synthetic import phrases
from crsgym.data.synthetic.chance import Chance
from crsgym.data.synthetic.films import Films
from crsgym.data.synthetic.tastes import Fact, Taste
from crsgym.data.synthetic.words import DECADES, GENRES
from crsgym.types import Dialogue, Role, Utterance

Slots = dict[str, str | int]
"""What a template's slots stand for: words, or the index of a film."""

_ENTITIES = frozenset({"genre", "person"})


def write_dialogue(seed: int, name: str, films: Films) -> Dialogue:
    """The dialogue of this name; equal arguments give equal dialogues on every platform.

    Args:
        seed: of the world.
        name: its id, which also names its stream of draws.
        films: the catalogue.
    """
    script = _Script(Chance("synthetic dialogue", seed, name), films)
    script.play()
    return Dialogue(name, tuple(script.utterances))


class _Script:
    """One conversation while it is being written."""

    def __init__(self, chance: Chance, films: Films) -> None:
        self.chance = chance
        self.films = films
        self.taste = Taste(chance, films)
        self.utterances: list[Utterance] = []
        self.lower_case = chance.happens(0.2)
        self.mentioned: set[int] = set()
        self.loved: list[int] = []
        """Films that the user has seen and said to love, the latest last."""
        self.tempting: list[int] = []
        """Films that the user might watch, the latest last."""
        first, *rest = (fact for fact in self.taste.facts if fact != Fact("fame", "any"))
        self.unsaid = [first, *chance.shuffled(rest)]
        self.slip: tuple[str, str] | None = None
        """A wrong word that the user has said, and the right one, until it is corrected."""

    def play(self) -> None:
        """Write the whole conversation."""
        chance = self.chance
        if chance.happens(0.6):
            hello, reply = chance.pick(phrases.GREETINGS)
            self.say("recommender", hello)
            self.say("seeker", reply)
            self.say("recommender", chance.pick(phrases.FIRST_QUESTIONS))
            self.reveal()
        else:
            self.reveal((chance.pick(phrases.OPENINGS), {}))
        rounds = chance.weighted((2, 3, 4), (1.0, 2.0, 1.0))
        for left in reversed(range(rounds)):
            if chance.happens(0.75):
                self.ask()
            if chance.happens(0.2):
                question, answer = chance.pick(phrases.SMALL_TALK)
                self.say("recommender", question)
                self.say("seeker", answer)
            self.recommend(last=left == 0)
        self.close()

    def ask(self) -> None:
        """A question of the recommender, and the answer."""
        chance = self.chance
        topic = chance.pick(("film", "fact", "fact", "fact", "offer", "nothing"))
        if topic == "film" and self.taste.favourite not in self.mentioned:
            self.say("recommender", chance.pick(phrases.QUESTIONS["film"]))
            self.name_films()
        elif topic == "offer":
            self.offer_genre()
        elif topic == "nothing" or not self.unsaid:
            known = {fact.kind for fact in self.taste.facts}
            kinds = [kind for kind in ("decade", "person", "theme") if kind not in known]
            self.say("recommender", chance.pick(phrases.QUESTIONS[chance.pick(kinds or ["tone"])]))
            self.say("seeker", chance.pick(phrases.NOTHING_MORE))
        else:
            fact = self.unsaid[0]
            topic = fact.kind if fact.liked else "disliked"
            self.say("recommender", chance.pick(phrases.QUESTIONS[topic]))
            self.reveal()

    def reveal(self, *opening: tuple[str, Slots]) -> None:
        """The user corrects what was wrong, and says one or two facts more."""
        parts = list(opening)
        if self.slip is not None:
            wrong, right = self.slip
            template = self.chance.pick(phrases.CORRECTIONS)
            parts.append((template, {"wrong": wrong, "right": right}))
            self.slip = None
        count = self.chance.pick((2, 2, 3))
        said, self.unsaid = self.unsaid[:count], self.unsaid[count:]
        parts += [self.phrase(fact) for fact in said]
        self.say_all("seeker", parts or [(self.chance.pick(phrases.NOTHING_MORE), {})])

    def phrase(self, fact: Fact) -> tuple[str, Slots]:
        """A fact in words; now and then with the wrong word, to be corrected later."""
        bank = phrases.LIKED if fact.liked else phrases.DISLIKED
        if fact.kind == "fame":
            return self.chance.pick(bank[fact.value]), {}
        value = fact.value
        if fact.liked and fact.kind in ("genre", "decade") and self.chance.happens(0.12):
            others = list(GENRES) if fact.kind == "genre" else [f"{year}s" for year in DECADES]
            value = self.chance.pick([other for other in others if other != fact.value])
            self.slip = (value, fact.value)
        return self.chance.pick(bank[fact.kind]), {fact.kind: value}

    def offer_genre(self) -> None:
        """A genre that the recommender asks about: a word in the dialogue that may mean no."""
        facts = {fact.value: fact for fact in self.taste.facts if fact.kind == "genre"}
        genre = self.chance.pick(list(facts if self.chance.happens(0.6) else GENRES))
        fact = facts.get(genre)
        self.say("recommender", self.chance.pick(phrases.OFFERS), genre=genre)
        answers = phrases.YES if fact is not None and fact.liked else phrases.NO
        self.say("seeker", self.chance.pick(answers))
        if fact in self.unsaid:
            self.unsaid.remove(fact)

    def name_films(self) -> None:
        """The user's favourite, now and then another one by mistake, or with one that was hated."""
        chance, favourite = self.chance, self.taste.favourite
        loved = (chance.pick(phrases.LOVED_FILM), Slots(film=favourite))
        if chance.happens(0.15):
            wrong = self.some_film(lambda film: True)
            self.say("seeker", loved[0], film=wrong)
            self.say("recommender", chance.pick(phrases.GOOD_TASTE))
            self.say("seeker", chance.pick(phrases.MEANT_FILM), film=favourite, other=wrong)
        elif chance.happens(0.45):
            hated = self.some_film(lambda film: self.taste.standing(film) < 0.4)
            template = chance.pick(phrases.HATED_FILM)
            self.say_all("seeker", [loved, (template, {"film": hated})])
        else:
            self.say_all("seeker", [loved])
        self.loved.append(favourite)

    def some_film(self, fits: Callable[[int], bool]) -> int:
        """Any film that has not come up and is not the favourite."""
        while True:
            film = self.chance.pick(range(len(self.films)))
            if film != self.taste.favourite and film not in self.mentioned and fits(film):
                return film

    def recommend(self, last: bool) -> None:
        """One or two films for the user, and what the user says of the last of them."""
        chance = self.chance
        film = self.taste.choose(chance, self.mentioned)
        if self.tempting and chance.happens(0.35):
            known = self.tempting[-1]
            self.say("recommender", chance.pick(phrases.BESIDES), film=known, other=film)
        elif self.loved and chance.happens(0.35):
            known = self.loved[-1]
            self.say("recommender", chance.pick(phrases.BECAUSE), film=known, other=film)
        elif chance.happens(0.2):
            other = self.taste.choose(chance, {*self.mentioned, film})
            self.say("recommender", chance.pick(phrases.RECOMMENDED_TWO), film=other, other=film)
        else:
            details = self.films[film]
            self.say(
                "recommender",
                chance.pick(phrases.RECOMMENDED),
                film=film,
                genre=details.genres[0],
                tone=details.tones[0],
                decade=details.decade,
                person=chance.pick(details.cast),
            )
        self.react(film, last)

    def react(self, film: int, last: bool) -> None:
        """The user takes to a film or turns it down, and may say what would be better."""
        chance = self.chance
        if chance.happens(self.taste.standing(film) - 0.5):
            seen = chance.happens(0.25)
            reaction = (chance.pick(phrases.SEEN if seen else phrases.TEMPTED), Slots(film=film))
            (self.loved if seen else self.tempting).append(film)
        else:
            reaction = self.objection(film)
        if self.slip is not None or (self.unsaid and chance.happens(0.35)):
            self.reveal(reaction)
        else:
            more = "" if last else chance.pick(phrases.ANYTHING_ELSE)
            self.say_all("seeker", [reaction, (more, {})])

    def objection(self, film: int) -> tuple[str, Slots]:
        """Why a film is not what the user wants."""
        details = self.films[film]
        for fact in self.taste.facts:
            if not fact.liked and fact.value in details.genres:
                return self.chance.pick(phrases.WRONG_GENRE), {"genre": fact.value}
            if not fact.liked and fact.value in details.tones:
                return self.chance.pick(phrases.TOO), {"tone": fact.value}
        return self.chance.pick(phrases.UNSURE), {"film": film}

    def close(self) -> None:
        """The user takes a film, where one was tempting, and both say goodbye."""
        chance = self.chance
        self.say("recommender", chance.pick(phrases.DECISIONS))
        if not self.tempting:
            self.say("seeker", chance.pick(phrases.THANKS))
            self.say("recommender", chance.pick(phrases.FAREWELLS))
            return
        film = self.tempting[-1] if chance.happens(0.7) else chance.pick(self.tempting)
        self.say("seeker", chance.pick(phrases.TAKEN), film=film)
        bank = phrases.FAREWELLS_NAMED if chance.happens(0.65) else phrases.FAREWELLS
        self.say("recommender", chance.pick(bank), film=film)

    def say(self, role: Role, template: str, **slots: str | int) -> None:
        """Add an utterance of one sentence."""
        self.say_all(role, [(template, slots)])

    def say_all(self, role: Role, parts: Sequence[tuple[str, Slots]]) -> None:
        """Add an utterance, with the films and entities it links to, in order."""
        sentences: list[str] = []
        items: list[int] = []
        entities: list[str] = []
        lower_case = self.lower_case and role == "seeker"
        for template, slots in parts:
            sentence = ""
            for text, slot in _parts(template):
                sentence += text.lower() if lower_case else text
                if slot is None:
                    continue
                value = slots[slot]
                if isinstance(value, int):
                    items.append(value)
                    sentence += self.film_name(value, role)
                    continue
                sentence += value
                if slot in _ENTITIES or value in GENRES:
                    entities.append(value)
            if sentence:
                sentences.append(_as_sentence(sentence, lower_case))
        self.mentioned.update(items)
        text = " ".join(sentences)
        if lower_case:
            text = text.removesuffix(".")
        self.utterances.append(Utterance(role, text, tuple(items), tuple(entities)))

    def film_name(self, film: int, role: Role) -> str:
        """A film as this speaker calls it: seekers often leave out the year."""
        details = self.films[film]
        needs_year = role == "recommender" or details.name in self.films.shared_names
        return details.title if needs_year or self.chance.happens(0.5) else details.name


@lru_cache(maxsize=1024)
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((text, slot) for text, slot, _, _ in Formatter().parse(template))


def _as_sentence(text: str, lower_case: bool) -> str:
    text = text if lower_case else text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else text + "."


__all__ = ["write_dialogue"]
