"""What a call to a back end costs with a session that is reused, beside the bare clients."""
