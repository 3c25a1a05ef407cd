"""Tests of adoption: databases as the other services make them, taken over."""
