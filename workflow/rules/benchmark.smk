# Speed: not part of the study, asked for by name (`snakemake --cores 1 reports/benchmark.json`).


rule benchmark:
    output:
        rows="reports/benchmark.json",
    log:
        "logs/benchmark.log",
    conda:
        ENV
    params:
        code=code_digest("workflow/scripts/benchmark.py"),
    script:
        "../scripts/benchmark.py"
