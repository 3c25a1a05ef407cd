"""A unit of work over any SQLAlchemy models, flushed in one retried transaction."""
