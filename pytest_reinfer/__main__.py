"""`python -m pytest_reinfer` is the command `pytest-reinfer`."""

import sys

from pytest_reinfer.command import main

sys.exit(main())
