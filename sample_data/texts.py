"""The posts: their texts, which words name what, and which picture goes with them.

Entities are marked in the text, so that no offset is ever counted by hand:
``[[words|TYPE|thing+thing|in plain words]]``. The things are names that the
picture drew; none means that the picture does not show it.
"""

from __future__ import annotations

from typing import NamedTuple

import more_pictures as more
import pictures as first


class Draft(NamedTuple):
    """``saved``: the file's name; its ending need not tell the truth (see ``make_sample.save``)."""

    marked: str
    draw: object = None
    saved: str = ""


DRAFTS = {
    "s01": Draft("[[Stephen Curry|PER|curry|a bearded basketball player in a white number 30 jersey]] from "
                 "downtown AGAIN 🔥🔥 41 points for the [[Golden State Warriors|ORG|warriors|a basketball team whose "
                 "blue and yellow banner hangs in the hall]] tonight #DubNation", first.basketball, "s01.jpg"),
    "s02": Draft("still not over [[Taylor Swift|PER|swift|a blonde woman in a red dress playing a guitar]] walking "
                 "on stage with that guitar at [[Wembley|LOC||a stadium in London]] 😭💖 https://t.co/q8Zk1",
                 first.two_singers, "s02.jpg"),
    "s03": Draft("Lift-off! 🚀 [[NASA|ORG|nasa|a space agency with a round blue logo]] just sent another one up from "
                 "[[Cape Canaveral|LOC||a launch site in Florida]]", first.launch, "s03.png"),
    "s04": Draft("typical [[London|LOC||the capital of England]] weather ☔ but [[Big Ben|LOC|tower|a tall clock tower "
                 "of yellow stone]] never looked better @VisitBritain", first.clock_in_the_rain, "s04.jpg"),
    "s05": Draft("finally upgraded… hello new [[iPhone|OTHER|iphone|a black smartphone with coloured icons]] 📱 "
                 "goodbye [[Samsung|ORG||an electronics company]]!!", first.phone, "s05.png"),
    "s06": Draft("[[Germany|ORG|left+right|two football players in white shirts and black shorts]] have done it, the "
                 "[[World Cup|OTHER|cup|a golden trophy with a star]] is coming home 🇩🇪🏆", first.world_cup, "s06.jpg"),
    "s07": Draft("Told [[Biscuit|OTHER|dog|a brown dog with hanging ears and a red collar]] to stay off the rug. "
                 "He brought a friend instead 🙄🐶", first.pets, "s07.jpg"),
    "s08": Draft("good morning everyone ☕ nothing to say, just happy it's the weekend :)", first.breakfast, "s08.jpg"),
    "s09": Draft("[[Barack Obama|PER||a politician, former president of the United States]] speaks in "
                 "[[Chicago|LOC||a city in Illinois]] tonight, tickets gone in 4 minutes (pic unrelated, I'm on "
                 "holiday 🏖️)", first.beach, "s09.jpg"),
    "s10": Draft("FT: [[Manchester United|ORG||a football club]] 2-1 [[Chelsea|ORG||a football club in London]]. "
                 "[[Rooney|PER||an English football player]] off injured though 😬 #MUFC"),
    "s11": Draft("[[Paris|LOC||the capital of France]] je t'aime ❤️ the [[Eiffel Tower|LOC|tower|a tall iron tower "
                 "lit in yellow]] at midnight", first.iron_tower, "s11.jpg"),
    "s12": Draft("3 hrs late but at least [[Kestrel Air|ORG|logo|an airline with a yellow bird on the tail of its "
                 "planes]] gave us free biscuits ✈️ see you soon [[Lisbon|LOC||the capital of Portugal]]",
                 first.airliner, "s12.jpg"),
    "s13": Draft("👩‍👩‍👧‍👦👨🏽‍💻 fam trip booked!! 🇯🇵 [[Tokyo|LOC||the capital of Japan]] with aunt "
                 "[[Mei-Ling|PER||a woman of the family]] 🤹🏾‍♀️ and zero plans"),
    "s14": Draft("[[Adele|PER|singer|a woman with long brown hair in a black dress]] was amazing. I repeat: "
                 "[[Adele|PER|singer|a woman with long brown hair in a black dress]] was AMAZING 🎤", more.ballad,
                 "s14.jpg"),
    "s15": Draft("मुंबई की शाम 🌧️ [[Sachin Tendulkar|PER|batter|a batsman in a blue kit and cap holding a cricket bat]] "
                 "walks out for [[India|ORG||a national cricket team]] and the whole street goes quiet", more.cricket,
                 "s15.jpg"),
    "s16": Draft("[[東京タワー|LOC|tower|a tall orange lattice tower]]は今夜オレンジ色 🗼 "
                 "([[Tokyo Tower|LOC|tower|a tall orange lattice tower]] from our window)", more.orange_tower, "s16.png"),
    "s17": Draft("RT @courtside: [[Serena Williams|PER|player|a woman with curly hair in a white dress holding a tennis "
                 "racket]] does it again at [[Wimbledon|OTHER||a tennis tournament]] 🎾👑", more.tennis, "s17.jpg"),
    "s18": Draft("First day at [[Northlight Labs|ORG|sign|a company with a dark blue sign and a green star]] 🥳 "
                 "[[Seattle|LOC||a city in Washington state]] you're beautiful when it doesn't rain", more.headquarters,
                 "s18.jpg"),
    "s19": Draft("Not gonna lie, the [[Tesla Model S|OTHER|car|a red electric car]] is gorgeous. Fair play "
                 "[[Elon Musk|PER||the head of a car company]] ⚡️🚗", more.electric_car, "s19.jpg"),
    "s20": Draft("[[Angela Merkel|PER|merkel|a blonde woman in a green jacket at a lectern]] and "
                 "[[François Hollande|PER|hollande|a dark-haired man in a suit and blue tie at a lectern]] face the press "
                 "in [[Berlin|LOC||the capital of Germany]] #G20", more.summit, "s20.jpg"),
    "s21": Draft("what did [[Lionel Messi|PER|messi|a bearded football player in a striped number 10 shirt]] just do "
                 "to him 😂😂 [[Barcelona|ORG|crest|a football club with a red crest]] 3-0 up", more.dribble, "s21.jpg"),
    "s22": Draft("[[Mount Fuji|LOC|fuji|a snow-capped mountain]] from the train window!!! 🗻 worth every ¥",
                 more.snowy_peak, "s22.jpg"),
    "s23": Draft("38° in [[Austin|LOC||a city in Texas]] 🥵 nothing beats an ice cold [[Coca-Cola|OTHER|can|a red can "
                 "with a white wave]]", more.cold_drink, "s23.jpg"),
    "s24": Draft("Drove over the [[Golden Gate Bridge|LOC|bridge|a red suspension bridge]] with the windows down, "
                 "[[San Francisco|LOC||a city in California]] I'm yours 🌉", more.red_bridge, "s24.jpg"),
    "s25": Draft("Calling it now: [[Mira Oduya|PER|mira|a woman with red hair holding a blue guitar]] & "
                 "[[The Paper Lanterns|ORG|band|a band with an orange lantern on its drum]] will headline "
                 "[[Glastonbury|OTHER||a music festival]] in 2 yrs 🏮", more.festival, "s25.jpg"),
    "s26": Draft("DONE DEAL ✍️ [[Jonas Veld|PER|player|a man with blond spiky hair in a green sweater]] signs for "
                 "[[Harbour City FC|ORG|wall+shirt|a football club with a green crest and a yellow star]] until 2021",
                 more.signing, "s26.jpg"),
    "s27": Draft("#[[NewYork|LOC||a city in the United States]] at sunset from the ferry 🌆 no filter needed",
                 more.skyline, "s27.jpg"),
    "s28": Draft("lol <b>[[AT&T|ORG||a telephone company]]</b> support told me to \"try [[Verizon|ORG||a telephone "
                 "company]]\" & hung up >:("),
}
