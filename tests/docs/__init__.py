"""The documentation is run, followed and compared with the code."""
