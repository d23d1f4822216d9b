# Speed: not part of the study, asked for by name (`snakemake --cores 1 benchmark benchmark_rules`).


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


rule benchmark_rules:
    output:
        rows="reports/benchmark_rules.json",
    log:
        "logs/benchmark_rules.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/benchmark_rules.py"),
    script:
        "../scripts/benchmark_rules.py"
