"""From boxes to masks."""
