# The verifier's run over every backward pass, the page of rules made from it, and what each rule
# costs.

# What the two pages have in common: the frame of all pages, and the rulebook's own parts.
RULEBOOK_SHARED = [
    of_project(file.relative_to(PROJECT))
    for pattern in (
        "report/base.html",
        "report/page.*",
        "rulebook/pieces.html",
        "rulebook/*.[cj]s*",
    )
    for file in sorted(PROJECT.glob(f"workflow/{pattern}"))
]


rule verify_rules:
    output:
        result="results/verification.json",
    log:
        "logs/verify_rules.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
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
        shared=RULEBOOK_SHARED,
    output:
        output="reports/rules.html",
    log:
        "logs/write_rules.log",
    localrule: True
    conda:
        ENV
    params:
        study=STUDY.study,
        code=code_digest("workflow/rulebook/write_rules.py"),
        # The page is made of docstrings and code, which the digest leaves out.
        texts=texts_digest("nnjax"),
    script:
        "write_rules.py"


rule write_api:
    input:
        template=of_project("workflow/rulebook/api.html"),
        shared=RULEBOOK_SHARED,
    output:
        output="reports/api.html",
    log:
        "logs/write_api.log",
    localrule: True
    conda:
        ENV
    params:
        study=STUDY.study,
        code=code_digest("workflow/rulebook/write_api.py"),
        texts=texts_digest("nnjax"),
    script:
        "write_api.py"


# Asked for by name: `snakemake --cores 1 reports/benchmark_rules.json`.
rule benchmark_rules:
    output:
        rows="reports/benchmark_rules.json",
    log:
        "logs/benchmark_rules.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        code=code_digest("workflow/rulebook/benchmark_rules.py"),
        versions=VERSIONS,
    script:
        "benchmark_rules.py"
