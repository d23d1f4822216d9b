# Who speaks in which rows: the evidence for the speakers that the files do not name.


rule audit:
    input:
        train=rules.fetch_isolet.output.train,
        test=rules.fetch_isolet.output.test,
    output:
        pairs="results/audit/pairs.parquet",
        letters="results/audit/letters.parquet",
    log:
        "logs/audit.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code_digest(f"{CODE}/audit.py"),
        versions=VERSIONS,
    script:
        "../scripts/audit.py"


rule summarise_audit:
    input:
        pairs=rules.audit.output.pairs,
        letters=rules.audit.output.letters,
        record=rules.fetch_isolet.output.record,
    output:
        table="reports/tables/audit.csv",
        counts="reports/tables/audit_counts.csv",
    log:
        "logs/summarise_audit.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/summarise_audit.py"),
    script:
        "../scripts/summarise_audit.py"
