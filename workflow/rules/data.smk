# The data sets, checked: from a local folder, the public source, or a marked stand-in.

# Where to look is the same for all; the addresses differ.
PLACES = {
    **STUDY.data.model_dump(exclude={"urls"}),
    "cache": of_project(STUDY.data.cache),
    "project": of_project("."),
}
URLS = STUDY.data.urls.model_dump()
FETCH = "workflow/scripts/fetch.py"


# The splits are separate files: a job that takes only `train` has no access to the test speakers.
rule fetch_isolet:
    output:
        train="results/data/train.parquet",
        test="results/data/test.parquet",
        origin="results/data/isolet.json",
    log:
        "logs/fetch_isolet.log",
    localrule: True
    conda:
        ENV
    params:
        dataset="isolet",
        places={**PLACES, "urls": URLS["isolet"]},
        code=code_digest(FETCH),
    script:
        "../scripts/fetch.py"


rule fetch_mnist:
    output:
        arrays="results/data/mnist.npz",
        origin="results/data/mnist.json",
    log:
        "logs/fetch_mnist.log",
    localrule: True
    conda:
        ENV
    params:
        dataset="mnist",
        places={**PLACES, "urls": URLS["mnist"]},
        code=code_digest(FETCH),
    script:
        "../scripts/fetch.py"


rule fetch_text:
    output:
        text="results/data/text.txt",
        origin="results/data/text.json",
    log:
        "logs/fetch_text.log",
    localrule: True
    conda:
        ENV
    params:
        dataset="text",
        places={**PLACES, "urls": URLS["text"]},
        code=code_digest(FETCH),
    script:
        "../scripts/fetch.py"
