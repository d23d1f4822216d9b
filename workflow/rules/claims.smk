# The ledger: each claim judged on its own, so that one can be asked for, and all in one file.


rule claim:
    input:
        tables=lambda wildcards: expand(
            "reports/tables/{table}.csv", table=CLAIMS[wildcards.claim]["tables"]
        ),
        record=rules.fetch_isolet.output.record,
    output:
        claim="results/claims/{claim}.json",
    log:
        "logs/claims/{claim}.log",
    conda:
        ENV
    params:
        claim=lambda wildcards: CLAIMS[wildcards.claim],
        ledger=config["ledger"],
        study=config["study"],
        code=code_digest(f"{CODE}/judge_claim.py"),
    script:
        "../scripts/judge_claim.py"


rule claims:
    input:
        claims=expand("results/claims/{claim}.json", claim=CLAIMS),
        numbers="reports/numbers.json",
    output:
        claims="reports/claims.json",
        table="reports/tables/ledger.csv",
    log:
        "logs/claims.log",
    conda:
        ENV
    params:
        ids=list(CLAIMS),
        smallest=config["ledger"]["smallest_effect"],
        code=code_digest(f"{CODE}/write_claims.py"),
    script:
        "../scripts/write_claims.py"
