"""The subcommands of `pytest-reinfer`, one module each: `add` says what it takes, `run` does it."""
