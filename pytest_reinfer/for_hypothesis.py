"""What Hypothesis calls when it is imported, by any program at all: as good as nothing, unless that uses our types."""

import sys


def register_types() -> None:
    """Let Hypothesis draw the objects of `pytest_reinfer.types`, where these have been imported before it."""
    types = sys.modules.get("pytest_reinfer.types")
    if types is not None:
        types.register()
