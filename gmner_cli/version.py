"""The version of the tool, where everything can read it without importing anything else."""

VERSION = "0.1.0"
