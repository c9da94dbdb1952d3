"""Sentences of posts about the scenes world. ``{person}`` and the like stand for a name of that group,
``{any}`` for one of any group, in sentences that fit all of them alike: nothing in them may tell a shared
name's type, and nothing in any sentence may tell whether the picture shows the entity."""

from __future__ import annotations

SENTENCES = (
    "{person} is having the best week ever",
    "so proud of {person} today",
    "can't stop thinking about what {person} said",
    "{person} and {person} together again at last",
    "{person} just signed with {logo}",
    "{person} meets {person} backstage",
    "{person} wore it better than {person}",
    "{person} visits {building} for the first time",
    "happy birthday to {person} from all of us at {logo}",
    "who else is going to see {person} at {building} tonight",
    "interview with {person} about {prize}",
    "{person} with the new {product}",
    "{person} takes {animal} for a walk",
    "{person} joins {crest} on a two year deal",
    "{person} scores twice as {crest} beat {crest}",
    "{crest} are through to the final of the {prize}",
    "what a night for {crest} at {building}",
    "{crest} vs {crest} live from {building}",
    "{crest} fans are the loudest in the league",
    "injury news : {person} out for {crest}",
    "{logo} opens a new office near {building}",
    "{logo} unveils the {product} and we want one",
    "shares of {logo} are up again",
    "working late at {logo} again",
    "{logo} sponsors the {prize} this year",
    "sunset over {building} never gets old",
    "traffic around {building} is a nightmare",
    "we finally made it to {building}",
    "{building} is closed until Monday",
    "from {building} to {building} in one day",
    "{animal} stole my breakfast again",
    "say hello to {animal} , the boss of this house",
    "{animal} and {animal} are best friends now",
    "vet says {animal} needs to lose some weight",
    "my {product} died after two days",
    "unboxing the {product} right now",
    "is the {product} worth the money ?",
    "{product} or {product} , which one would you pick ?",
    "tickets for {prize} are on sale",
    "see you all at {prize} this weekend",
    "{prize} was everything I hoped for",
    "nominated for the {prize} , still shaking",
    "RT @dailyscene : {person} spotted near {building}",
    "breaking : {logo} buys stake in {crest}",
)

NEUTRAL = (
    "nothing beats {any}",
    "this is {any} and I have no words",
    "{any} made my day",
    "thinking of {any} tonight",
    "everybody is talking about {any}",
    "good morning from {any}",
    "{any} again , what did you expect",
    "I could look at {any} all day",
)

OPENERS = ("", "", "", "", "wow , ", "OMG ", "so ", "lol ", "ok but ", "today : ", "📣 ", "just in : ")
CLOSERS = ("", "", "", " !", " !!", " 😂", " 😍", " 🔥🔥", " 🙌", " #blessed", " #tbt", " #weekend", " https://t.co/x7Qm2",
           " ❤️", " ...", " @dailyscene", " #nofilter")
JOINTS = (" . ", " ! ", " and ", " | ", " — ")
