"""`sojourn settings`: what is set, where, and what other systems had."""
