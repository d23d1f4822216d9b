# Learning from one sample at a time: both programs with all seeds, and the checks of the article's
# formulas, in one job. CHAPTER is this folder's chapter.


rule:
    name:
        f"train_{CHAPTER.name}"
    output:
        runs=directory(f"results/{CHAPTER.name}"),
    log:
        f"logs/{CHAPTER.name}/train.log",
    benchmark:
        f"logs/{CHAPTER.name}/train.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        # What the source prints is for the summary: it trains nothing.
        **CHAPTER.params("seeds", "slope", "zero_target", "quadrants", "gradient_check"),
        code=CHAPTER.code("train"),
        versions=VERSIONS,
    script:
        "train.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        runs=f"results/{CHAPTER.name}",
    output:
        zero_target="reports/tables/zero_target.csv",
        quadrants="reports/tables/quadrants.csv",
        errors="reports/tables/quadrants_errors.csv",
        refused="reports/tables/quadrants_refused.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        tested=CHAPTER.settings.quadrants.tested,
        printed=CHAPTER.params("printed")["printed"],
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
