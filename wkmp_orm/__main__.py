"""Runs the command line for `python -m wkmp_orm`."""

from __future__ import annotations

from wkmp_orm.cli import main

if __name__ == "__main__":
    main()
