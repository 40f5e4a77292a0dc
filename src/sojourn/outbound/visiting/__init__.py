"""Visits pages of a back end, as signing in and tokens ask for: addresses, redirects, forms; within its origin."""
