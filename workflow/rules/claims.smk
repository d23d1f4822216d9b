# The ledger: all claims judged in one file, and each on its own, so that one can be asked for.


rule claims:
    input:
        tables=expand(
            "reports/tables/{table}.csv",
            table=dict.fromkeys(
                table for claim in CLAIMS.values() for table in claim["tables"]
            ),
        ),
        numbers="reports/numbers.json",
    output:
        claims="reports/claims.json",
        table="reports/tables/ledger.csv",
    log:
        "logs/claims.log",
    conda:
        ENV
    params:
        claims=CLAIMS,
        # The figure shows the study; chapters show their own.
        shown=[name for name in CLAIMS if name not in sum(CHAPTER_CLAIMS.values(), [])],
        ledger=config["ledger"],
        study=config["study"],
        code=code_digest(f"{CODE}/write_claims.py"),
    script:
        "../scripts/write_claims.py"


rule claim:
    input:
        tables=lambda wildcards: expand(
            "reports/tables/{table}.csv", table=CLAIMS[wildcards.claim]["tables"]
        ),
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
