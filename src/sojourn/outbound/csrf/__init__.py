"""Tokens against forged requests."""
