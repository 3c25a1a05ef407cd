"""The queries of what is in a library. A package, so that its conftest is a module of its own."""
