"""The parts of `StoreContract`, one for each idea."""
