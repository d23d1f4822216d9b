# Speed: not part of the study, asked for by name (`snakemake --cores 1 benchmark`).


rule benchmark:
    output:
        rows="reports/benchmark.json",
    log:
        "logs/benchmark.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/benchmark.py"),
    script:
        "../scripts/benchmark.py"
