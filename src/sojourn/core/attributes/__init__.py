"""Attributes: what a session holds during one request, and the mapping that shows it."""
