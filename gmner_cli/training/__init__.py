"""One loop for every model."""
