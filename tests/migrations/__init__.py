"""Tests of the migrations and of the room that runs them."""
