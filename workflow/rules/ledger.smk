# All numbers of the study in one file, all claims with their verdicts in another, and what clocks decide
# in a third.


# The code that numbers come from: everything but what draws and what writes pages.
NUMBERS_CODE = [
    script
    for folder in ("chapters/*", "scripts")
    for script in sorted(PROJECT.glob(f"workflow/{folder}/*.py"))
    if not script.stem.startswith(
        ("plot", "benchmark", "write_page", "write_index", "write_clocks")
    )
]


rule collect_numbers:
    input:
        tables=[chapter.numbers for chapter in CHAPTERS.values()],
        origin=rules.fetch_isolet.output.origin,
        other_origins=[rules.fetch_mnist.output.origin, rules.fetch_text.output.origin],
    output:
        numbers="reports/numbers.json",
    log:
        "logs/collect_numbers.log",
    localrule: True
    conda:
        ENV
    params:
        study=STUDY.study,
        seeds=SEEDS,
        digest=code_digest(*NUMBERS_CODE),
        code=code_digest("workflow/scripts/collect_numbers.py"),
    script:
        "../scripts/collect_numbers.py"


rule write_ledger:
    input:
        [chapter.all_numbers() for chapter in CHAPTERS.values()],
        numbers=rules.collect_numbers.output.numbers,
    output:
        claims="reports/claims.json",
        clocks="reports/clocks.json",
        table="reports/tables/ledger.csv",
    log:
        "logs/write_ledger.log",
    localrule: True
    conda:
        ENV
    params:
        declared={
            name: {id: claim.model_dump() for id, claim in chapter.claims.items()}
            for name, chapter in CHAPTERS.items()
        },
        tables={name: chapter.all_numbers() for name, chapter in CHAPTERS.items()},
        clock_files=[
            "reports/clocks.html",
            *(file for chapter in CHAPTERS.values() for file in chapter.clock_files()),
        ],
        ledger=STUDY.ledger.model_dump(),
        study=STUDY.study,
        code=code_digest("workflow/scripts/write_ledger.py"),
    script:
        "../scripts/write_ledger.py"


rule plot_ledger:
    input:
        table=rules.write_ledger.output.table,
    output:
        svg=report(
            "reports/figures/ledger.svg",
            caption="../report/ledger.rst",
            category="The ledger",
            labels={"figure": "ledger"},
        ),
        png="reports/figures/ledger.png",
    log:
        "logs/plot_ledger.log",
    localrule: True
    conda:
        ENV
    params:
        smallest_effect=STUDY.ledger.smallest_effect,
        code=code_digest("workflow/scripts/plot_ledger.py"),
    script:
        "../scripts/plot_ledger.py"
