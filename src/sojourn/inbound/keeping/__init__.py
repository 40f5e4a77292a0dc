"""Keeping: what a request did with its session is carried out, and others are kept out of it meanwhile."""
