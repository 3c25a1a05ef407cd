"""The page about a library: what is on it, and that a browser shows it."""
