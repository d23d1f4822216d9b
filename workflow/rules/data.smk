# The data sets, checked: from a local folder, the public source, or a marked stand-in.

# Where to look is the same for all; the addresses are each set's own.
PLACES = {
    key: config["data"][key] for key in ("folders", "cache", "standin", "standin_seed")
}


# The splits lie in files of their own: what takes only `train` has not seen the test speakers.
rule fetch_isolet:
    output:
        train="results/data/train.parquet",
        test="results/data/test.parquet",
        record="results/data/isolet.json",
    log:
        "logs/fetch_isolet.log",
    conda:
        ENV
    params:
        data={**PLACES, "url": config["data"]["url"]},
        code=code_digest(f"{CODE}/fetch_isolet.py"),
    script:
        "../scripts/fetch_isolet.py"


rule fetch_mnist:
    output:
        arrays="results/data/mnist.npz",
        record="results/data/mnist.json",
    log:
        "logs/fetch_mnist.log",
    conda:
        ENV
    params:
        data={**PLACES, **config["data"]["mnist"]},
        code=code_digest(f"{CODE}/fetch_mnist.py"),
    script:
        "../scripts/fetch_mnist.py"


rule fetch_text:
    output:
        text="results/data/text.txt",
        record="results/data/text.json",
    log:
        "logs/fetch_text.log",
    conda:
        ENV
    params:
        data={**PLACES, **config["data"]["text"]},
        code=code_digest(f"{CODE}/fetch_text.py"),
    script:
        "../scripts/fetch_text.py"
