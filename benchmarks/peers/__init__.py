"""The same small shop on each way of keeping sessions: ours, and those of peers."""
