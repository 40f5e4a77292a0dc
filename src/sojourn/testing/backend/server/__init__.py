"""The server of the fake back end: an ASGI application without a framework."""
