"""Readers of the study's data sets: each checks what it reads and stands alone."""
