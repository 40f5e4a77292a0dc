"""What a session costs, beside the bare application and a peer, in one run on one machine."""
