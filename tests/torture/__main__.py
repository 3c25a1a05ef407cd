"""`python -m tests.torture`: runs the suite, and prints what was tried and what was lost."""

from __future__ import annotations

import sys

from .shim import begin_with_shim

if __name__ == "__main__":
    begin_with_shim(["-m", "tests.torture", *sys.argv[1:]])

    from .command import main

    main()
