"""Readers of the study's data sets; each checks what it reads and is independent of the others."""
