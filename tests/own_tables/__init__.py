"""Tests of tables that a program keeps beside ours."""
