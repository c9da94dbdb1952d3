"""Files that may be anybody's: read within bounds, inside their folder, written whole or not at all."""
