# Handwritten digits: perceptrons, a convolutional network, and what scikit-learn says of the same.
MNIST = "results/chapters/mnist"
OF_MNIST = config["chapters"]["mnist"]


rule train_mnist:
    input:
        arrays=rules.fetch_mnist.output.arrays,
        record=rules.fetch_mnist.output.record,
    output:
        epochs=f"{MNIST}/convolutional/epochs.parquet",
        predictions=f"{MNIST}/convolutional/predictions.parquet",
        filters=f"{MNIST}/convolutional/filters.parquet",
        checks=f"{MNIST}/convolutional/checks.parquet",
    log:
        "logs/train_mnist.log",
    benchmark:
        "logs/train_mnist.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
        gpu=1,
    params:
        settings=part(
            OF_MNIST,
            "rows",
            "digits_times",
            "filters",
            "kernel",
            "pool",
            training=["convolutional"],
        ),
        code=code_digest(f"{CODE}/train_mnist.py"),
        versions=VERSIONS,
    script:
        "../scripts/train_mnist.py"


rule train_mnist_perceptrons:
    input:
        arrays=rules.fetch_mnist.output.arrays,
        record=rules.fetch_mnist.output.record,
    output:
        epochs=f"{MNIST}/perceptrons/epochs.parquet",
        predictions=f"{MNIST}/perceptrons/predictions.parquet",
        checks=f"{MNIST}/perceptrons/checks.parquet",
    log:
        "logs/train_mnist_perceptrons.log",
    benchmark:
        "logs/train_mnist_perceptrons.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
        gpu=1,
    params:
        settings=part(
            OF_MNIST,
            "rows",
            "digits_times",
            "units",
            "slope",
            "peers",
            training=["sample_by_sample", "perceptron"],
        ),
        code=code_digest(f"{CODE}/train_mnist_perceptrons.py"),
        versions=PEER_VERSIONS,
    script:
        "../scripts/train_mnist_perceptrons.py"


# How the rates and epochs were chosen; asked for by name, and what it found is in the repository.
rule search_mnist:
    input:
        arrays=rules.fetch_mnist.output.arrays,
    output:
        trials="reports/mnist/search.csv",
    log:
        "logs/search_mnist.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
    params:
        settings={
            **part(
                OF_MNIST,
                "rows",
                "digits_times",
                "units",
                "slope",
                "filters",
                "kernel",
                "pool",
                training=OF_MNIST["training"],
            ),
            "search": OF_MNIST["search"],
        },
        code=code_digest(f"{CODE}/search_mnist.py"),
        versions=VERSIONS,
    script:
        "../scripts/search_mnist.py"


rule summarise_mnist:
    input:
        epochs=[
            rules.train_mnist.output.epochs,
            rules.train_mnist_perceptrons.output.epochs,
        ],
        predictions=[
            rules.train_mnist.output.predictions,
            rules.train_mnist_perceptrons.output.predictions,
        ],
        checks=[
            rules.train_mnist.output.checks,
            rules.train_mnist_perceptrons.output.checks,
        ],
        filters=rules.train_mnist.output.filters,
        arrays=rules.fetch_mnist.output.arrays,
        record=rules.fetch_mnist.output.record,
    output:
        curves="reports/tables/mnist.csv",
        errors="reports/tables/mnist_errors.csv",
        filters="reports/tables/mnist_filters.csv",
        confusions="reports/tables/mnist_confusions.csv",
        numbers="reports/tables/numbers_mnist.csv",
    log:
        "logs/summarise_mnist.log",
    conda:
        ENV
    params:
        settings=config["chapters"]["mnist"],
        code=code_digest(f"{CODE}/summarise_mnist.py"),
    script:
        "../scripts/summarise_mnist.py"


rule chapter_mnist:
    input:
        "reports/chapters/mnist.html",
        expand(
            "reports/figures/{figure}.{form}",
            figure=config["chapters"]["mnist"]["figures"],
            form=["svg", "png"],
        ),
        expand("results/claims/{claim}.json", claim=CHAPTER_CLAIMS["mnist"]),
    localrule: True
