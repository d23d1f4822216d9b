"""What the chapters share: jobs, settings, tables, numbers, claims, figures and pages.

The library refers to no chapter, and only `job` refers to Snakemake. `runs` trains and reads runs.
"""
