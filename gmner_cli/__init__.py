"""Grounded and segmented multimodal named entity recognition for social-media posts."""

from gmner_cli import moved

__version__ = "0.1.0"

moved.install()
