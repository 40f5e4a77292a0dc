"""Who is let in: credentials, sessions, tokens against CSRF."""
