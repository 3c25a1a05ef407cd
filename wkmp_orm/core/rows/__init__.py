"""The rows of a unit of work: checked when they are given, found again by their handles."""
