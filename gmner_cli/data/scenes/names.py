"""Names of the scenes world, made up but of the kinds that posts are about."""

from __future__ import annotations

WOMEN = ("Nora Whitfield", "Elena Marquez", "Grace Lindholm", "Priya Raman", "Maya Torres", "Sophie Laurent",
         "Hannah Brooks", "Amara Diallo", "Julia Novak", "Ingrid Solberg", "Leah Goldman", "Rosa Delgado",
         "Mia Tanaka", "Clara Hoffman", "Zoe Papadakis", "Emily Carrow", "Fatima Haddad", "Ruth Okafor",
         "Diana Petrova", "Kate Mulligan", "Alice Fontaine", "Yara Mendes", "Tessa Vaughn", "Naomi Achebe")
MEN = ("Marcus Bell", "Tom Ashford", "Diego Alvarez", "Ravi Menon", "Liam Gallagher", "Oscar Nilsson",
       "Ben Carter", "Kofi Mensah", "Peter Kovacs", "Hugo Bernard", "Sam Rosen", "Luis Ortega", "Kenji Mori",
       "Felix Brandt", "Nikos Pappas", "Jack Turner", "Omar Farouk", "David Eze", "Ivan Sokolov",
       "Sean Doyle", "Pierre Moreau", "Bruno Costa", "Gareth Pugh", "Isaac Adeyemi")
TEAMS = ("Harbor City Wolves", "Redhill United", "Eastport Rangers", "Lakeside Comets", "Norwood Athletic",
         "Kingsbridge Royals", "Silverton Hawks", "Westmere FC", "Granite Bay Bears", "Oakfield Rovers",
         "Sandford Storm", "Port Albion Pirates", "Ravenna Titans", "Millbrook City", "Thornbury Town",
         "Cedar Falls Foxes")
COMPANIES = ("Brightwave", "Nordlys Energy", "Quantia", "Polaris Foods", "Helix Motors", "Bluefin Airlines",
             "Terranova Bank", "Lumora", "Kestrel Records", "Zentek", "Cobalt Studios", "Ardent Media",
             "Fernway", "Orbis Insurance")
PLACES = {
    "tower": ("Kestrel Tower", "Meridian Tower", "Ashgrove Tower"),
    "bridge": ("Hollow Bridge", "Saint Anne Bridge", "Ironvale Bridge"),
    "stadium": ("Calder Park", "Union Field", "Rosewood Arena"),
    "castle": ("Dunmore Castle", "Wolfsburg Keep", "Castle Marrow"),
    "church": ("Saint Brannock", "Holy Rood Chapel", "Saint Odile"),
    "skyscraper": ("Pinnacle Plaza", "One Harbor Square", "Vertex Center"),
    "lighthouse": ("Cape Farrow", "Gull Point", "Skerry Light"),
    "pyramid": ("Temple of Nakhet", "Sunstone Pyramid"),
    "windmill": ("De Haan Mill", "Old Barrow Mill"),
    "temple": ("Jade Hill Temple", "Palace of Arrenti", "Kiyomori Shrine"),
}
PETS = {
    "dog": ("Biscuit", "Rufus", "Bandit"),
    "cat": ("Mittens", "Luna Bell", "Whiskers"),
    "horse": ("Thunderheart", "Silver Dancer"),
    "parrot": ("Mango", "Captain Squawk"),
    "fish": ("Bubbles", "Finley"),
    "rabbit": ("Clover", "Hopscotch"),
    "elephant": ("Jumbo Jo", "Tantor"),
    "turtle": ("Sheldon", "Old Mossy"),
}
GOODS = {
    "phone": ("Nimbus X2", "Galaxion 9", "Pebble One"),
    "car": ("Volta GT", "Falcon Roadster", "Mirage 500"),
    "mug": ("Cozy Cup", "Brewster"),
    "bottle": ("Fizz Zero", "Aqua Prima"),
    "sneaker": ("Airstride 4", "Zoomer Max"),
    "backpack": ("Trailmate 30", "Nomad Pack"),
    "watch": ("Chronos S", "Pulse 3"),
    "bicycle": ("Swift Carbon", "Velora"),
    "headset": ("BassPro", "Echo Studio"),
    "robot": ("Robo Buddy", "Tinker Bot"),
}
OCCASIONS = {
    "trophy": ("Harvest Cup", "Continental Cup", "Silver Bowl"),
    "banner": ("Lumen Festival", "Comic Fest"),
    "balloon": ("Skyfair", "Balloon Fiesta"),
    "poster": ("The Last Orchard", "Midnight Parade", "Neon Hearts"),
}
SHARED = {
    "Allen": ("man", "dog"),
    "Olive": ("woman", "cat"),
    "Winston": ("man", "parrot"),
    "Victoria": ("woman", "tower"),
    "Jordan": ("man", "sneaker"),
    "Chelsea": ("woman", "crest"),
    "Phoenix": ("crest", "parrot"),
    "Vega": ("skyscraper", "car"),
    "Orion": ("crest", "robot"),
    "Florence": ("woman", "bridge"),
    "Mercury": ("logo", "watch"),
    "Dallas": ("horse", "stadium"),
}
"""One name for two things of different types; only the picture tells which one is meant."""
