"""`StoreContract` against a live store, in a process of its own: `python -m sojourn.testing.check`."""
