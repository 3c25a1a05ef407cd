"""`python -m wkmp_orm` is the command line. Knows nothing else."""

from __future__ import annotations

from wkmp_orm.cli import main

if __name__ == "__main__":
    main()
