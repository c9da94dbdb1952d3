"""Grounded and segmented multimodal named entity recognition for social-media posts."""

__version__ = "0.1.0"
