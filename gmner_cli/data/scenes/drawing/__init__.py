"""Drawing: a look becomes a small picture with an alpha channel. Needs Pillow alone; knows nothing of names
or posts."""
