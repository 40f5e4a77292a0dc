"""Sessions at back ends: signed in once, kept whole, renewed, never mixed."""
