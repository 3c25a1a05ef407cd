"""What the tests stand on: a real PostgreSQL, a statement recorder, a fault injector, processes.

Knows SQLAlchemy and the drivers; must not know the package that is being tested.
"""
