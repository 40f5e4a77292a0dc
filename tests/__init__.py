"""A package, so that another's `tests`, which a wheel has left in site-packages, is not taken for it."""
