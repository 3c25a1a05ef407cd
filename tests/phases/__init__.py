"""Tests of what each phase of an import writes."""
