"""Taggers: an encoder, what they add to it, and a CRF."""
