"""The vocabulary of the synthetic world: what films are called, are about and are made by."""

from __future__ import annotations

from typing import NamedTuple


class Genre(NamedTuple):
    """A genre: how common it is, and what its films are called, feel like and are about."""

    share: float
    nouns: tuple[str, ...]
    tones: tuple[str, ...]
    themes: tuple[str, ...]


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


GENRES: dict[str, Genre] = {
    "drama": Genre(
        2.0,
        _split(
            "Letters, Harvest, Inheritance, Kitchen, Winter, Orchard, Daughters, Brothers, "
            "Farewell, Household, Testament, Confession"
        ),
        _split("melancholic, gentle, bleak"),
        _split("a family secret, a second chance, a long illness"),
    ),
    "comedy": Genre(
        1.8,
        _split(
            "Wedding, Roommates, Parade, Vacation, Pancakes, Neighbours, Mix-Up, Landlord, "
            "Bachelor, Fiasco, Karaoke, Babysitter"
        ),
        _split("witty, quirky, lighthearted"),
        _split("mistaken identity, a school reunion, an office rivalry"),
    ),
    "thriller": Genre(
        1.5,
        _split(
            "Protocol, Witness, Deadline, Pursuit, Signal, Hostage, Cipher, Conspiracy, "
            "Threshold, Vertigo, Informant, Fuse"
        ),
        _split("suspenseful, gritty, fast-paced"),
        _split("a cover-up, a missing child, a stolen identity"),
    ),
    "horror": Genre(
        1.1,
        _split(
            "Cellar, Whispers, Graveyard, Ritual, Marrow, Bloodline, Séance, Crypt, "
            "Possession, Scarecrow, Omen, Nightmare"
        ),
        _split("eerie, bleak, suspenseful"),
        _split("a haunted house, a cursed village, a cult"),
    ),
    "romance": Genre(
        1.2,
        _split(
            "Sonata, Valentine, Balcony, Kiss, Serenade, Sweetheart, Promise, Engagement, "
            "Roses, Rendezvous, Heartbeat, Blossom"
        ),
        _split("heartwarming, dreamy, gentle"),
        _split("first love, a summer affair, a second marriage"),
    ),
    "science fiction": Genre(
        1.1,
        _split(
            "Orbit, Android, Colony, Nebula, Singularity, Starship, Hologram, Quantum, "
            "Satellite, Exodus, Robot, Galaxy"
        ),
        _split("thoughtful, eerie, fast-paced"),
        _split("time travel, first contact, a rogue computer"),
    ),
    "fantasy": Genre(
        0.9,
        _split(
            "Dragon, Kingdom, Sorcerer, Amulet, Enchantment, Unicorn, Prophecy, Realm, Griffin, "
            "Spell, Throne, Goblin"
        ),
        _split("dreamy, uplifting, quirky"),
        _split("a magic school, a hidden heir, a bargain with a witch"),
    ),
    "mystery": Genre(
        1.0,
        _split(
            "Riddle, Manor, Alibi, Clue, Suspect, Lodger, Cryptogram, Locket, Vanishing, Key, "
            "Portrait, Enigma"
        ),
        _split("thoughtful, suspenseful, eerie"),
        _split("a locked room, a missing painting, a retired detective"),
    ),
    "crime": Genre(
        1.2,
        _split(
            "Heist, Syndicate, Verdict, Smuggler, Racket, Vault, Godmother, Getaway, Jackpot, "
            "Mobster, Parole, Ransom"
        ),
        _split("gritty, fast-paced, bleak"),
        _split("a bank robbery, a double cross, a corrupt city hall"),
    ),
    "adventure": Genre(
        1.0,
        _split(
            "Expedition, Jungle, Treasure, Compass, Summit, Island, Voyage, Caravan, Map, "
            "Canyon, Pirate, Atlas"
        ),
        _split("uplifting, fast-paced, lighthearted"),
        _split("a lost city, a shipwreck, a race across a continent"),
    ),
    "animation": Genre(
        0.7,
        _split(
            "Penguin, Cloud, Puddle, Toybox, Squirrel, Balloon, Teapot, Firefly, Marble, "
            "Hedgehog, Doodle, Acorn"
        ),
        _split("heartwarming, quirky, lighthearted"),
        _split("a talking animal, a runaway toy, an unlikely friendship"),
    ),
    "documentary": Genre(
        0.6,
        _split(
            "Archive, Century, Glacier, Ocean, Farmers, Migration, Census, Chronicle, Newsroom, "
            "Beekeepers, Coalfield, Observatory"
        ),
        _split("thoughtful, nostalgic, bleak"),
        _split("a vanishing trade, a scientific breakthrough, a famous trial"),
    ),
    "western": Genre(
        0.5,
        _split(
            "Saddle, Prairie, Outlaw, Sheriff, Mesa, Stagecoach, Rancher, Gunsmoke, Dust, "
            "Frontier, Lariat, Coyote"
        ),
        _split("gritty, melancholic, nostalgic"),
        _split("a cattle drive, a town under siege, an old grudge"),
    ),
    "war": Genre(
        0.6,
        _split(
            "Battalion, Trenches, Armistice, Regiment, Siege, Bunker, Platoon, Convoy, Bugle, "
            "Front, Ceasefire, Sergeant"
        ),
        _split("bleak, gritty, melancholic"),
        _split("a last stand, a prison camp, a field hospital"),
    ),
    "musical": Genre(
        0.6,
        _split(
            "Chorus, Cabaret, Melody, Tapdance, Encore, Overture, Refrain, Spotlight, Ballad, "
            "Rhythm, Orchestra, Showtime"
        ),
        _split("uplifting, nostalgic, lighthearted"),
        _split("a struggling band, a big audition, a touring company"),
    ),
    "family": Genre(
        0.8,
        _split(
            "Puppy, Treehouse, Grandpa, Birthday, Sandcastle, Lunchbox, Sleepover, Pony, "
            "Holidays, Bicycle, Snowman, Picnic"
        ),
        _split("heartwarming, uplifting, gentle"),
        _split("a road trip, a lost dog, a move to the countryside"),
    ),
    "historical": Genre(
        0.7,
        _split(
            "Empress, Cathedral, Emperor, Crown, Revolution, Dynasty, Duchess, Court, Musketeer, "
            "Plague, Treaty, Guild"
        ),
        _split("thoughtful, melancholic, dreamy"),
        _split("a royal succession, a forbidden book, a peasant revolt"),
    ),
    "action": Genre(
        1.3,
        _split(
            "Strike, Vendetta, Blitz, Warrior, Overdrive, Thunder, Bullet, Assault, Fury, "
            "Commando, Velocity, Combat"
        ),
        _split("fast-paced, gritty, suspenseful"),
        _split("a rescue mission, a revenge plot, a chase through the night"),
    ),
}

TONES: tuple[str, ...] = tuple(dict.fromkeys(t for g in GENRES.values() for t in g.tones))
THEMES: tuple[str, ...] = tuple(dict.fromkeys(t for g in GENRES.values() for t in g.themes))

DECADES: tuple[int, ...] = (1960, 1970, 1980, 1990, 2000, 2010, 2020)
DECADE_SHARES: tuple[float, ...] = (0.6, 0.8, 1.2, 1.6, 2.0, 2.2, 1.0)

PLACES: tuple[str, ...] = _split(
    "Lisbon, Reykjavík, Montréal, Dublin, Kraków, Naples, Osaka, Valparaíso, Tallinn, Marrakesh, "
    "Glasgow, Seville, Helsinki, Galway, Hanoi, Zürich, Quito, Antwerp, Havana, Bergen"
)

FIRST_NAMES: tuple[str, ...] = _split(
    "Ada, Amir, Anouk, Arthur, Beatriz, Bruno, Callum, Chiara, Clara, Dario, Delphine, Edda, "
    "Elias, Emre, Esther, Fabian, Farida, Felix, Freya, Gideon, Greta, Hana, Hugo, Idris, Ines, "
    "Ivo, Jasper, Joanna, José, Kaito, Kirsten, Lars, Leona, Lucía, Magnus, Mara, Mateo, Mina, "
    "Nadia, Niall, Noor, Odile, Oskar, Petra, Quentin, Rafael, Ramona, René, Rosa, Ruben, Salma, "
    "Silas, Sofía, Stellan, Tamsin, Theo, Ulla, Viktor, Wanda, Xenia, Yusuf, Yvette, Zeno, Zoë"
)

LAST_NAMES: tuple[str, ...] = _split(
    "Abernathy, Almqvist, Arkady, Balogun, Bellweather, Birkeland, Bonavita, Carrasco, Castellan, "
    "Chevalier, Corrigan, Dahlgren, Danjuma, Delacroix, Drummond, Eskildsen, Falkenrath, Farquhar, "
    "Fontaine, Galvani, Grünwald, Halloran, Hargreave, Holloway, Ibarra, Ishikawa, Jankowski, "
    "Kallio, Kessler, Kowalczyk, Lachance, Lindqvist, Lockhart, Maddox, Marchetti, Montclair, "
    "Moreau, Nakamura, Nyström, Obradović, Okafor, Ortega, Pallister, Pemberton, Quillfeather, "
    "Ravenscroft, Rosenthal, Sandoval, Santoro, Szabó, Tanaka, Thackeray, Thorvald, Underhill, "
    "Valdez, Vasquez, Verhoeven, Wadsworth, Westergaard, Winterbourne, Yamamoto, Zielinski"
)

ADJECTIVES: tuple[str, ...] = _split(
    "Silent, Crimson, Hidden, Golden, Broken, Distant, Paper, Last, Hollow, Velvet, Northern, "
    "Midnight, Borrowed, Electric, Iron, Silver, Wandering, Lost, Forgotten, Burning, Frozen, "
    "Little, Restless, Scarlet, Emerald, Crooked, Invisible, Painted, Ivory, Sunken, Stolen, "
    "Thirteenth, Unfinished, Wild, Yellow, Glass"
)

NEUTRAL_NOUNS: tuple[str, ...] = _split(
    "River, House, Garden, Bridge, Mirror, Lantern, Harbour, Station, Moon, Road, Window, Tide, "
    "Mountain, Shadow, Stranger, Island Ferry, Clockmaker, Lighthouse, Umbrella, Staircase"
)

__all__ = [
    "ADJECTIVES",
    "DECADES",
    "DECADE_SHARES",
    "FIRST_NAMES",
    "GENRES",
    "LAST_NAMES",
    "NEUTRAL_NOUNS",
    "PLACES",
    "THEMES",
    "TONES",
    "Genre",
]
