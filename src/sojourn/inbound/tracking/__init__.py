"""Tracking: the ways in which a session's id travels with a visitor."""
