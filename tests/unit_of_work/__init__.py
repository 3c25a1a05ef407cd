"""The unit of work: what it accepts, what it refuses, and how it ends."""
