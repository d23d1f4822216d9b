# The verifier's run over every backward pass, and the page of rules made from it.


rule verify_rules:
    output:
        result="results/verification.json",
    log:
        "logs/verify_rules.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        quick=config["study"] == "quick",
        code=code_digest(
            f"{CODE}/verify_rules.py",
            *Path("nnjax/verify/cases").glob("*.py"),
            *Path("nnjax/verify/defects").glob("*.py"),
        ),
        versions=VERSIONS,
    script:
        "../scripts/verify_rules.py"


rule rules_page:
    input:
        result=rules.verify_rules.output.result,
        template="workflow/report/rules.html",
    output:
        page="reports/rules.html",
    log:
        "logs/rules_page.log",
    conda:
        ENV
    params:
        code=code_digest(f"{CODE}/write_rules.py"),
        # The page is made of docstrings, which the digest leaves out.
        texts=texts_digest("nnjax"),
    script:
        "../scripts/write_rules.py"
