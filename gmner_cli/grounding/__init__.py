"""Visual grounding: where in the picture is what the expression says?"""
