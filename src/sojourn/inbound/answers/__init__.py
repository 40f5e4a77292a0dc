"""Answers: what becomes of a session between the application's answer and the visitor, the same for every framework."""
