# Language models: two networks and counts of word sequences on one text. CHAPTER is this folder's
# chapter.


rule:
    name:
        f"train_{CHAPTER.name}"
    input:
        text=rules.fetch_text.output.text,
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
        settings=CHAPTER.settings.model_dump(exclude={"intervals"}),
        code=CHAPTER.code("train"),
        versions=VERSIONS,
    script:
        "train.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        runs=f"results/{CHAPTER.name}",
        origin=rules.fetch_text.output.origin,
    output:
        perplexities="reports/tables/language.csv",
        samples="reports/tables/language_samples.csv",
        neighbours="reports/tables/language_neighbours.csv",
        numbers=CHAPTER.numbers,
        clocks=CHAPTER.clocks,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        settings=CHAPTER.params(),
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
