"""Limits."""

LIMITS = []
