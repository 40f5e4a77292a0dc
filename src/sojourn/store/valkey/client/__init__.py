"""Client: asks servers many questions in one round trip, and finds the one that has what is asked for."""
