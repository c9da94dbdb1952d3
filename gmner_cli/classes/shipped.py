"""Whose code is it: the tool's, or that of its user?"""


def is_shipped(code: str) -> bool:
    """Whether ``code``, as a recipe or a checkpoint names it (``package.module:Class`` or ``file.py:Class``),
    is part of gmner_cli."""
    module = code.rpartition(":")[0] or code
    return module.startswith("gmner_cli.") and not module.endswith(".py")
