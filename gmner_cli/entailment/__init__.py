"""Visual entailment: does the picture show what the expression says?"""
