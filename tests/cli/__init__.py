"""The command line. A package, so that its conftest and the one above are two modules."""
