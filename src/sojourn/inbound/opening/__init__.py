"""Opening: from what a request carries to the session that it has."""
