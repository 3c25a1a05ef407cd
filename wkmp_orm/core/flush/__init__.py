"""How accumulated rows become SQL: prefetch, plan, write, in one retried transaction."""
