"""The sessions that are held at back ends, and how those who want one wait for it."""
