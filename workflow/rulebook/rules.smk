# The verifier's run over every backward pass, the page of rules made from it, and what each rule
# costs.


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
        quick=STUDY.study == "quick",
        code=code_digest(
            "workflow/rulebook/verify_rules.py",
            *PROJECT.glob("nnjax/verify/cases/*.py"),
            *PROJECT.glob("nnjax/verify/defects/*.py"),
        ),
        versions=VERSIONS,
    script:
        "verify_rules.py"


rule write_rules:
    input:
        result=rules.verify_rules.output.result,
        template=of_project("workflow/rulebook/rules.html"),
        shared=[
            of_project("workflow/report/base.html"),
            of_project("workflow/report/page.css"),
        ],
    output:
        output="reports/rules.html",
    log:
        "logs/write_rules.log",
    conda:
        ENV
    params:
        study=STUDY.study,
        code=code_digest("workflow/rulebook/write_rules.py"),
        # The page is made of docstrings, which the digest leaves out.
        texts=texts_digest("nnjax"),
    script:
        "write_rules.py"


# Asked for by name: `snakemake --cores 1 reports/benchmark_rules.json`.
rule benchmark_rules:
    output:
        rows="reports/benchmark_rules.json",
    log:
        "logs/benchmark_rules.log",
    conda:
        ENV
    params:
        code=code_digest("workflow/rulebook/benchmark_rules.py"),
        versions=VERSIONS,
    script:
        "benchmark_rules.py"
