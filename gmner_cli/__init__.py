"""Grounded and segmented multimodal named entity recognition for social-media posts."""

from gmner_cli.moved import install

__version__ = "0.1.0"

install()
