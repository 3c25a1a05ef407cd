"""Who listens to a database: spans, numbers, and that nobody has to."""
