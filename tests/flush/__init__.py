"""Tests of how accumulated rows become SQL."""
