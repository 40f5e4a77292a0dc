"""The parts of `StoreContract` about the optional powers, one for each."""
