"""What the chapters share: jobs, settings, tables, numbers, claims, figures and pages.

The library knows no chapter, and only `job` knows Snakemake. `runs` has what trains and reads runs.
"""
