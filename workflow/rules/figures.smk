# Figures: each reads its table and nothing else.


rule plot:
    input:
        table="reports/tables/{figure}.csv",
    output:
        svg="reports/figures/{figure}.svg",
        png="reports/figures/{figure}.png",
    log:
        "logs/plot_{figure}.log",
    wildcard_constraints:
        figure="|".join(
            figure for figure in FIGURES + CHAPTER_FIGURES if figure != "record"
        ),
    conda:
        ENV
    params:
        code=lambda wildcards: code_digest(f"{CODE}/plot_{wildcards.figure}.py"),
    script:
        "../scripts/plot_{wildcards.figure}.py"


rule sketch:
    output:
        svg="reports/figures/{figure}.svg",
        png="reports/figures/{figure}.png",
    log:
        "logs/plot_{figure}.log",
    wildcard_constraints:
        figure="|".join(SKETCHES),
    conda:
        ENV
    params:
        code=lambda wildcards: code_digest(f"{CODE}/plot_{wildcards.figure}.py"),
    script:
        "../scripts/plot_{wildcards.figure}.py"
