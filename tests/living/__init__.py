"""A library that lives: what becomes of rows when files move, go, come back and change."""
