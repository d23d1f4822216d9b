"""What happens when Snakemake starts, before any job: command, environment, lock."""
