# Speed: not part of the study, asked for by name (`snakemake --cores 2 benchmark`).


rule benchmark:
    output:
        rows="reports/benchmark.json",
    log:
        "logs/benchmark.log",
    conda:
        ENV
    # Nothing else may run beside a clock.
    threads: workflow.cores
    params:
        code=code_digest(*Path("workflow/benchmark").glob("*.py")),
        torch=TORCH,
    script:
        "benchmark.py"
