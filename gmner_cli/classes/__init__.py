"""Classes that recipes and checkpoints name: the tool's own, a user's file, and where they lie now."""
