# XOR: all settings and seeds in one job.


rule train_xor:
    output:
        runs="results/runs/xor.parquet",
    log:
        "logs/train_xor.log",
    benchmark:
        "logs/train_xor.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    params:
        xor={key: value for key, value in config["xor"].items() if key != "reference"},
        code=code_digest(f"{CODE}/train_xor.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_xor.py"


rule summarise_xor:
    input:
        runs=rules.train_xor.output.runs,
    output:
        table="reports/tables/{figure}.csv",
    log:
        "logs/summarise_{figure}.log",
    wildcard_constraints:
        figure="xor",
    conda:
        ENV
    params:
        sources={"xor": "results/runs/xor.parquet"},
        settings={"accuracy": None, "xor": config["xor"]["reference"]},
        code=code_digest(f"{CODE}/summarise.py"),
    script:
        "../scripts/summarise.py"
