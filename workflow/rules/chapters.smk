# What every chapter has: figures, a page, verdicts on its claims, and a target that makes them all.


# A figure is drawn from its table alone.
rule plot:
    input:
        table=branch(
            lambda wildcards: figure_of(wildcards).table,
            then="reports/tables/{figure}.csv",
        ),
    output:
        svg=report(
            "reports/figures/{figure}.svg",
            caption="../report/figure.rst",
            category=lambda wildcards: FIGURES[wildcards.figure].page.title,
            labels=lambda wildcards: {"figure": wildcards.figure},
        ),
        png="reports/figures/{figure}.png",
    log:
        "logs/plot/{figure}.log",
    localrule: True
    conda:
        ENV
    params:
        alt=lambda wildcards: figure_of(wildcards).alt,
        drawing=lambda wildcards: figure_of(wildcards).drawing,
        path=lambda wildcards: f"{FIGURES[wildcards.figure].name}/{figure_script(wildcards)}",
        code=lambda wildcards: FIGURES[wildcards.figure].code(figure_script(wildcards)),
    script:
        "../chapters/{params.path}.py"


# One run again, of what several jobs trained.
rule join:
    input:
        parts_epochs=lambda wildcards: [
            f"{part}/epochs.parquet" for part in JOINED[wildcards.run]
        ],
        parts_speakers=lambda wildcards: [
            f"{part}/speakers.parquet" for part in JOINED[wildcards.run]
        ],
    output:
        epochs="{run}/epochs.parquet",
        speakers="{run}/speakers.parquet",
    log:
        "logs/join/{run}.log",
    wildcard_constraints:
        run="|".join(JOINED) or "$",
    priority: 2
    localrule: True
    conda:
        ENV
    params:
        code=code_digest("workflow/scripts/join.py"),
    script:
        "../scripts/join.py"


# The page of a chapter is written from its own numbers, tables and figures: a chapter runs without
# the others.
rule write_page:
    input:
        numbers="reports/tables/numbers_{chapter}.csv",
        clocks=lambda wildcards: chapter_of(wildcards).all_numbers()[1:],
        tables=lambda wildcards: [
            f"reports/tables/{name}.csv"
            for name in chapter_of(wildcards).page.shown_tables()
        ],
        figures=lambda wildcards: [
            f"reports/figures/{name}.svg"
            for name in chapter_of(wildcards).page.shown_figures()
        ],
        template=of_project("workflow/chapters/{chapter}/page.html"),
        shared=[
            of_project(f"workflow/report/{name}")
            for name in (
                "base.html",
                "chapter.html",
                "figure.html",
                "ledger.html",
                "numbers.html",
                "page.css",
                "page.js",
            )
        ],
    output:
        output="reports/chapters/{chapter}.html",
    log:
        "logs/write_page/{chapter}.log",
    localrule: True
    conda:
        ENV
    params:
        previous=lambda wildcards: neighbours(wildcards.chapter)[0],
        next=lambda wildcards: neighbours(wildcards.chapter)[1],
        made_by=lambda wildcards: {
            name: made_by(file)
            for name, file in chapter_of(wildcards).number_files().items()
        },
        about=lambda wildcards: chapter_of(wildcards).page.model_dump(),
        settings=lambda wildcards: chapter_of(wildcards).params(),
        runs={name: run.model_dump() for name, run in STUDY.experiments.items()},
        declared=lambda wildcards: {
            name: claim.model_dump()
            for name, claim in chapter_of(wildcards).claims.items()
        },
        ledger=STUDY.ledger.model_dump(),
        verdict_rules=RULE_TEXTS,
        study=STUDY.study,
        code=code_digest("workflow/scripts/write_page.py"),
    script:
        "../scripts/write_page.py"


# The numbers that a claim declares, estimated from the runs of the experiments that it names.
rule measure:
    input:
        runs=lambda wildcards: run_files(sources_of(wildcards)),
        origin=rules.fetch_isolet.output.origin,
    output:
        output="results/{chapter}/numbers/{claim}.csv",
    log:
        "logs/{chapter}/measure/{claim}.log",
    localrule: True
    conda:
        ENV
    params:
        numbers=lambda wildcards: claim_of(wildcards).model_dump()["numbers"],
        sources=lambda wildcards: sources_of(wildcards),
        code=code_digest("workflow/scripts/measure.py"),
    script:
        "../scripts/measure.py"


for CHAPTER in CHAPTERS.values():

    if CHAPTER.measured():

        rule:
            name:
                f"gather_{CHAPTER.name}"
            input:
                tables=CHAPTER.measured(),
            output:
                output=CHAPTER.numbers,
            log:
                f"logs/{CHAPTER.name}/gather.log",
            localrule: True
            conda:
                ENV
            params:
                code=code_digest("workflow/scripts/gather.py"),
            script:
                "../scripts/gather.py"


rule judge:
    input:
        numbers=lambda wildcards: CLAIMS[wildcards.claim].numbers_of(wildcards.claim),
    output:
        verdict="results/claims/{claim}.json",
    log:
        "logs/judge/{claim}.log",
    localrule: True
    conda:
        ENV
    params:
        declared=lambda wildcards: claim_of(wildcards).model_dump(),
        ledger=STUDY.ledger.model_dump(),
        study=STUDY.study,
        code=code_digest("workflow/scripts/judge.py"),
    script:
        "../scripts/judge.py"


for CHAPTER in CHAPTERS.values():

    rule:
        name:
            f"chapter_{CHAPTER.name}"
        input:
            CHAPTER.reports(),
            expand("results/claims/{claim}.json", claim=CHAPTER.claims),
        localrule: True
