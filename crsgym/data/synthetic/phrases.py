"""How synthetic seekers and recommenders put things; ``{slots}`` are filled by the dialogue."""

from __future__ import annotations

GREETINGS = (
    ("Hello, how are you?", "Doing fine, thanks. You?"),
    ("Hi there! Looking for a movie tonight?", "Hey, yes, I could use some help."),
    ("Good evening!", "Hi! I need something to watch."),
    ("Hey, how was your day?", "Long, so a movie sounds like a good idea."),
    ("Hello! Can I help you find a film?", "Please do, I'm out of ideas."),
    ("Hi, welcome!", "Thanks. My friends are coming over and I get to choose."),
    ("Hey! What can I do for you?", "Hi, I would like to watch a film tonight."),
    ("Hello, nice to meet you.", "Nice to meet you too! I can never decide on a movie."),
)
OPENINGS = (
    "Hi, can you recommend me a movie?",
    "Hello, I'm looking for something to watch this weekend.",
    "Hey, I need a film for tonight.",
    "Hi! I can't decide what to watch.",
    "Good evening, do you have a film for me?",
    "Hello there. I've seen everything on my list and need new ideas.",
    "Hi, help me pick a movie please.",
)
SMALL_TALK = (
    ("Do you have snacks ready?", "Popcorn, of course."),
    ("Are you watching at home or at the cinema?", "At home, on the sofa."),
    ("Will you be watching alone?", "No, with my sister."),
    ("How often do you watch movies?", "About twice a week, more when it rains."),
    ("It's raining here, so perfect weather for it.", "Same here, I'm not leaving the house."),
    ("Do you mind subtitles?", "Not at all, I read fast."),
    ("Did you have dinner already?", "Just finished, so I have the whole evening."),
    ("Is the length important?", "No, I have time."),
    ("Do you watch the trailers first?", "Never, they spoil everything."),
    ("How is the weather where you are?", "Windy, I can hear it in the chimney."),
    ("Is it a special occasion?", "Not at all, just a free evening."),
    ("Do you fall asleep during movies?", "Only during the long ones."),
)

LIKED = {
    "genre": (
        "I love {genre} films",
        "I'm in the mood for {genre} movies",
        "I usually go for {genre} films",
        "{genre} films are my favorite",
        "give me a good {genre} movie any day",
        "I can't get enough of {genre} movies",
        "I've been watching a lot of {genre} films lately and want more",
        "some kind of {genre} film would be nice",
    ),
    "tone": (
        "I'd like something {tone}",
        "the more {tone} the better",
        "I enjoy films that are {tone}",
        "it should be {tone}",
        "{tone} is what I need tonight",
        "I want to see something {tone} for a change",
    ),
    "decade": (
        "something from the {decade} would be perfect",
        "I have a soft spot for the {decade}",
        "films from the {decade} are my thing",
        "preferably made in the {decade}",
        "the {decade} had the best movies if you ask me",
        "I'd go for the {decade}",
    ),
    "person": (
        "I'll watch anything with {person}",
        "I'm a big fan of {person}",
        "something that {person} worked on would be great",
        "{person} never disappoints me",
        "I think {person} is wonderful",
    ),
    "theme": (
        "a story about {theme} would be great",
        "I like plots about {theme}",
        "I'm always up for {theme} in a film",
        "maybe something with {theme}",
    ),
    "hidden": (
        "I'd rather find a hidden gem than something everybody has seen",
        "nothing too well known please, I want to discover something",
        "show me something off the beaten track",
    ),
    "famous": (
        "it should be one that everybody talks about",
        "I want to catch up on the big hits",
        "something popular that I can discuss at work",
    ),
}
DISLIKED = {
    "genre": (
        "no {genre} films please",
        "I can't stand {genre} movies",
        "anything but {genre} films",
        "I'm not into {genre} movies at all",
        "{genre} films aren't for me",
        "I've had enough of {genre} movies lately",
        "I don't like {genre} films",
        "I never watch {genre} movies",
    ),
    "tone": (
        "nothing {tone} please",
        "I don't want anything {tone}",
        "not in the mood for {tone} stuff",
        "I'm tired of films that are {tone}",
        "it shouldn't be {tone}",
    ),
}
CORRECTIONS = (
    "Sorry, I said {wrong} but I meant {right}.",
    "Actually not {wrong}, I meant {right}.",
    "Wait, scratch {wrong}. I was thinking of {right}.",
    "I mixed that up earlier, not {wrong}, I want {right}.",
)

FIRST_QUESTIONS = (
    "What kind of films do you enjoy?",
    "What do you usually watch?",
    "What are you looking for?",
    "Tell me what you like.",
)
QUESTIONS = {
    "genre": (
        "Is there another genre you like?",
        "What other kinds of films do you enjoy?",
        "Which genres do you like besides that?",
    ),
    "tone": (
        "What mood should it have?",
        "What are you in the mood for?",
        "How should it feel?",
    ),
    "decade": (
        "Do you prefer older or newer films?",
        "Any time period you like?",
        "From which years should it be?",
    ),
    "person": (
        "Any favorite actors or directors?",
        "Is there an actor you like?",
        "Do you follow any director?",
    ),
    "theme": (
        "Is there a kind of story you like?",
        "What should it be about?",
        "Any plot you would enjoy?",
    ),
    "fame": (
        "Should it be something well known?",
        "Do you want a big hit or something small?",
    ),
    "disliked": (
        "Is there anything you want to avoid?",
        "Anything you don't like?",
        "What should I stay away from?",
    ),
    "film": (
        "Which movie did you like recently?",
        "What is a film that you loved?",
        "Can you name a movie that you enjoyed?",
    ),
}
OFFERS = (
    "Do you like {genre} films?",
    "How do you feel about {genre} movies?",
    "Would a {genre} film be okay?",
)
YES = ("Yes, very much.", "Yes, I love it!", "Sure, that's my thing.")
NO = ("No, not at all.", "Not really, no.", "No thanks, I'd rather skip that.")
NOTHING_MORE = (
    "Not really, surprise me.",
    "I'm open to anything there.",
    "Nothing comes to mind.",
    "I don't mind either way.",
)

LOVED_FILM = (
    "I really loved {film}.",
    "One of my favorites is {film}.",
    "{film} was amazing.",
    "I watched {film} three times.",
    "The last one I enjoyed was {film}.",
)
HATED_FILM = (
    "I didn't like {film} though.",
    "{film} was a disappointment.",
    "I couldn't finish {film}.",
    "Please nothing like {film}, I hated it.",
)
GOOD_TASTE = ("Good taste!", "Nice one.", "A lot of people like that.")
MEANT_FILM = (
    "Oh, I meant {film}, not {other}.",
    "Sorry, I was thinking of {film} rather than {other}.",
)

RECOMMENDED = (
    "You could try {film}.",
    "Have you seen {film}?",
    "How about {film}?",
    "I think {film} would suit you.",
    "Then {film} might be the one.",
    "{film} comes to mind, with {person}.",
    "Maybe {film}, it's a {tone} one.",
    "Let me suggest {film}, if you like {genre} films.",
    "There's {film} from the {decade}.",
    "What about {film}? {person} is great in it.",
)
RECOMMENDED_TWO = (
    "{film} or {other} could work.",
    "You might like {film}, and also {other}.",
    "Have you seen {film} or {other}?",
)
BECAUSE = (
    "If you loved {film}, you should see {other}.",
    "Since {film} worked for you, how about {other}?",
    "People who like {film} often like {other} too.",
    "{other} is in the same spirit as {film}.",
)
BESIDES = (
    "{film} is a great pick, and {other} is in the same spirit.",
    "Besides {film} there is {other}.",
    "Keep {film} in mind, but have a look at {other} too.",
    "Do see {film}. Or maybe {other}?",
)

SEEN = (
    "I've seen it already, and I loved it.",
    "Yes, great movie! I've seen it though.",
    "{film} is fantastic, I know it by heart.",
)
TEMPTED = (
    "That sounds good.",
    "Oh, {film} sounds interesting.",
    "I've never heard of it, but I'm curious.",
    "I could see myself watching that.",
    "That one is on my list, actually.",
)
UNSURE = (
    "Hmm, not quite what I had in mind.",
    "I'm not sure about that one.",
    "I don't think {film} is for me.",
    "Maybe another time.",
)
TOO = ("It looks too {tone} for me.", "I heard it's {tone}, and that's not what I want.")
WRONG_GENRE = (
    "I'm not really looking for {genre} films.",
    "I'd rather skip {genre} movies tonight.",
)
ANYTHING_ELSE = ("Do you have another idea?", "What else is there?", "Anything else?", "")

DECISIONS = (
    "So, what will it be?",
    "Have you made up your mind?",
    "Is there one that you will watch?",
)
TAKEN = (
    "Okay, I'll go with {film}.",
    "I think I'll watch {film} tonight.",
    "{film} it is, thank you!",
    "You convinced me, {film} wins.",
)
FAREWELLS_NAMED = (
    "Great, enjoy {film}!",
    "{film} is a good choice, have fun.",
    "I hope you like {film}. Have a nice evening!",
)
FAREWELLS = ("Enjoy the film!", "Have a great evening!", "Glad I could help, bye!")
THANKS = ("Thanks for your help!", "Thank you, bye!", "Great, thanks a lot.")
