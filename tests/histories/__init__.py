"""Histories: units of work whose outcome is told beforehand, by the rule alone."""
