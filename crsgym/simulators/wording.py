"""How rule-based users put things.

``{np}`` is what is wanted ("a gritty film from the 1990s"), ``{pos}`` a place in the list ("the
third one"), ``{has}`` and ``{have}`` what one or several items are ("is a comedy", "are comedies");
capitals begin a sentence. What is wanted never shares a sentence with a word of refusal, so that a
retriever which reads words can tell them apart.
"""

from __future__ import annotations

from crsgym.data.kinds import Style

WANT = (
    "I'd prefer {np}.",
    "I was hoping for {np}.",
    "Could you find {np}?",
    "What I'm after is {np}.",
    "Please show me {np}.",
    "Do you have {np}?",
    "{Np} would be more like it.",
    "{Np} would suit me better.",
    "I'm thinking more of {np}.",
    "Let's try {np}.",
    "Could we go for {np}?",
    "I'd love {np}.",
    "How about {np}?",
    "For me it should be {np}.",
    "I have {np} in mind.",
    "Is there {np} as well?",
    "I'd go for {np}.",
    "{Np}, that's my wish.",
    "Next I'd like to see {np}.",
    "Show me {np} and I'm happy.",
)
AGAIN = (
    "As I said, {np}.",
    "I still want {np}.",
    "My wish stays the same: {np}.",
    "Again, {np} please.",
    "To sum up, {np}.",
    "I keep thinking of {np}.",
    "Once more: {np}.",
    "It all comes down to {np}.",
)
LIKE_MENTIONED = (
    "Going by what I've enjoyed before, {np} sounds right.",
    "I liked what we talked about, so {np} would make sense.",
    "Something close to what came up earlier, say {np}.",
    "From what I mentioned you can guess that {np} works for me.",
)
FITS = (
    "{Pos} comes closest, it {has}.",
    "{Pos} {has}, which I like.",
    "I like that {pos} {has}.",
    "{Pos} goes in the right direction since it {has}.",
    "Good that {pos} {has}.",
    "{Pos} {has}, so that is promising.",
    "With {pos} you are on the right track, it {has}.",
    "{Pos} speaks to me because it {has}.",
    "It helps that {pos} {has}.",
    "You got one thing right, {pos} {has}.",
)
FIT = (
    "{Count} of these {have}, and that fits.",
    "I'm glad that {count} of these {have}.",
    "{Count} of them {have}, which is what I asked for.",
    "It's good to see that {count} of them {have}.",
    "{Count} of your picks {have}, so keep that.",
)
RIGHT = (
    "{Pos} has the right {aspect}.",
    "The {aspect} of {pos} is right.",
    "As to the {aspect}, {pos} gets it.",
    "{Pos} is spot on in its {aspect}.",
    "Look at the {aspect} of {pos}, that's right.",
    "Keep to the {aspect} of {pos}.",
)
WRONG = (
    "{Pos} has the wrong {aspect}.",
    "The {aspect} of {pos} isn't right.",
    "{Pos} is off because of its {aspect}.",
    "I'm not happy with the {aspect} of {pos}.",
    "{Pos} would be better with a different {aspect}.",
    "The {aspect} is where {pos} goes wrong.",
)
NONE_FITS = (
    "None of these is quite it.",
    "Hmm, these are off the mark.",
    "I don't see it here yet.",
    "This list doesn't do it for me.",
    "Not there yet.",
    "These don't match what I told you.",
    "Nothing here grabs me.",
    "I'm afraid this isn't it.",
    "Sorry, that missed the point.",
    "I can't warm to any of these.",
    "Thanks, but these leave me cold.",
    "We are still far from it.",
)
UNWANTED = (
    "{Pos} {has} and I don't want that.",
    "I'd skip {pos} because it {has}.",
    "I can't enjoy {pos} since it {has}.",
    "{Pos} {has}, which is not for me.",
    "I don't care for {pos} as it {has}.",
    "{Pos} {has} and I told you I'd avoid that.",
)
UNWANTED_MANY = (
    "{Count} of these {have} and I don't want that.",
    "I'd skip {count} of them because they {have}.",
    "{Count} of your picks {have}, which is not for me.",
    "I don't like that {count} of these {have}.",
    "{Count} of them {have} and I'd avoid that.",
)
OPEN = (
    "Hard to say, I haven't told you much yet.",
    "I can't really judge these.",
    "I don't know most of these.",
    "No strong feelings about this list.",
    "I'm not sure what to make of these.",
    "Maybe, but I'm not convinced.",
    "These could be fine, I can't tell.",
    "I haven't made up my mind.",
)
MIX = (
    "Could you show me a wider mix?",
    "What else do you have?",
    "Can you try a few different directions?",
    "Surprise me with other picks.",
    "Ask me something if that helps.",
    "I'm open to other ideas.",
    "A bit more variety would help me decide.",
    "Let me see some others first.",
)
NO_LIST = (
    "I don't see any titles.",
    "You haven't suggested anything yet.",
    "There is no list that I could look at.",
    "I'm still waiting for your picks.",
    "Nothing came through on my side.",
    "Which titles do you mean?",
)
CLOSER = (
    "That's closer.",
    "Getting warmer.",
    "Better than before.",
    "We're getting there.",
    "This list is an improvement.",
    "Now you understand me better.",
)
FARTHER = (
    "Your last list was closer.",
    "That's a step back.",
    "Hmm, you had better ones before.",
    "We were nearer a moment ago.",
    "This goes the wrong way.",
)
TOO_OLD = (
    "Most of these are too old for me.",
    "These feel a bit too dated.",
    "You went too far back in time.",
)
TOO_NEW = (
    "Most of these are too recent for me.",
    "These are too new, I'd say.",
    "You stayed too close to the present.",
)
FOUND = (
    "Yes! You have {np} here, and that's exactly the one I wanted.",
    "That's it, {np}, just what I was looking for.",
    "Perfect, {np} is on this list and I'm taking it.",
    "You found it: {np}, precisely what I had in mind.",
    "Great, I recognise my wish here, {np}. Done!",
    "Wonderful, this list has {np}, the very {noun} I meant.",
)
FOUND_PLAINLY = (
    "Yes, you found it!",
    "Perfect, the right {noun} is among these.",
    "That's exactly what I wanted, thanks.",
    "Great, I'll take that.",
    "Wonderful!",
)

ORDINALS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)
PLACES = ("the {nth} one", "the {nth}", "your {nth} pick", "the {nth} {noun}")
COUNTS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

# What an item is, by the kind of attribute: of one, and of several. ``{noun}`` and
# ``{nouns}`` are what items are called.
HAS: dict[str, tuple[tuple[str, str], ...]] = {
    "genre": (("is {a} {v} {noun}", "are {v} {nouns}"),),
    "tone": (("is {v}", "are {v}"), ("feels {v}", "feel {v}")),
    "decade": (
        ("is from the {v}", "are from the {v}"),
        ("was made in the {v}", "date from the {v}"),
    ),
    "director": (("is by {v}", "are by {v}"), ("was directed by {v}", "were directed by {v}")),
    "cast": (("has {v} in it", "have {v} in them"), ("stars {v}", "star {v}")),
    "writer": (("was written by {v}", "were written by {v}"),),
}
ASPECTS: dict[str, tuple[str, ...]] = {
    "genre": ("genre", "kind of story"),
    "tone": ("mood", "tone"),
    "decade": ("time period", "age"),
    "director": ("director",),
    "cast": ("cast",),
}
"""What a kind of attribute is called when the attribute itself is not told."""
WITH: dict[str, tuple[str, ...]] = {
    "director": (" by {v}", " directed by {v}"),
    "cast": (" with {v}", " starring {v}"),
    "writer": (" written by {v}",),
    "person": (" with {v}", " that involves {v}"),
}
FROM = (" from the {v}", " made in the {v}", " out of the {v}")

# The same of a kind that nothing is known of but its name, ``{k}``, by how it is put.
OTHER_HAS: dict[Style, tuple[tuple[str, str], ...]] = {
    "value": (
        ("has {v} as its {k}", "have {v} as their {k}"),
        ("comes with {v} as its {k}", "come with {v} as their {k}"),
    ),
    "among": (
        ("has {v} among its {k}", "have {v} among their {k}"),
        ("includes {v} in its {k}", "include {v} in their {k}"),
        ("lists {v} among its {k}", "list {v} among their {k}"),
    ),
    "number": (("has {v}", "have {v}"), ("comes with {v}", "come with {v}")),
    "flag": (("counts as {v}", "count as {v}"), ("passes as {v}", "pass as {v}")),
}
OTHER_WITH: dict[Style, tuple[str, ...]] = {
    "value": (
        " whose {k} is {v}",
        " with {v} as its {k}",
        " that has {v} as its {k}",
        " where the {k} is {v}",
    ),
    "among": (
        " with {v} among its {k}",
        " that has {v} among its {k}",
        " whose {k} include {v}",
    ),
    "number": (" with {v}", " that has {v}", " that comes with {v}"),
    "flag": (" that counts as {v}", " that passes as {v}"),
}
