"""What Snakemake's own process does: command, environment and lock before any job, and progress."""
