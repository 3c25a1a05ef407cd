"""The torture suite: processes are killed, power is cut, system calls fail, and rows are counted.

`python -m tests.torture` runs it. Knows the package's public words and what a file system may do.
"""
