"""Pretrained and trained weights: found, fetched, checked, and kept in a model's folder."""
