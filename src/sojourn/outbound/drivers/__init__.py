"""Clients that calls go through: each client library is imported in one file, when it is asked for."""
