"""Clients that calls go through: each client library is imported in one room, when it is asked for."""
