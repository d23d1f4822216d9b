# Handwritten digits: perceptrons, a convolutional network, and scikit-learn on the same images.
# CHAPTER is this folder's chapter.


rule:
    name:
        f"train_{CHAPTER.name}_convolutional"
    input:
        arrays=rules.fetch_mnist.output.arrays,
        origin=rules.fetch_mnist.output.origin,
    output:
        runs=directory(f"results/{CHAPTER.name}/convolutional"),
    log:
        f"logs/{CHAPTER.name}/train_convolutional.log",
    benchmark:
        f"logs/{CHAPTER.name}/train_convolutional.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        **CHAPTER.params("rows", "digits_times", "convolutional"),
        training=CHAPTER.settings.training.convolutional.model_dump(),
        code=CHAPTER.code("train_convolutional"),
        versions=VERSIONS,
    script:
        "train_convolutional.py"


rule:
    name:
        f"train_{CHAPTER.name}_perceptrons"
    input:
        arrays=rules.fetch_mnist.output.arrays,
        origin=rules.fetch_mnist.output.origin,
    output:
        runs=directory(f"results/{CHAPTER.name}/perceptrons"),
    log:
        f"logs/{CHAPTER.name}/train_perceptrons.log",
    benchmark:
        f"logs/{CHAPTER.name}/train_perceptrons.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
        gpu=GPU,
    params:
        **CHAPTER.params("rows", "digits_times", "perceptron", "peers"),
        training=CHAPTER.settings.training.model_dump(exclude={"convolutional"}),
        code=CHAPTER.code("train_perceptrons"),
        versions=PEER_VERSIONS,
    script:
        "train_perceptrons.py"


# How rates, batch sizes and epochs were chosen. The search runs only if asked for by name; its
# result is in the repository.
rule:
    name:
        f"search_{CHAPTER.name}"
    input:
        arrays=rules.fetch_mnist.output.arrays,
    output:
        trials=f"reports/{CHAPTER.name}/search.csv",
    log:
        f"logs/{CHAPTER.name}/search.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=memory_mb,
        runtime=minutes,
    params:
        **CHAPTER.params("rows", "perceptron", "convolutional", "training", "search"),
        code=CHAPTER.code("search"),
        versions=VERSIONS,
    script:
        "search.py"


rule:
    name:
        f"summarise_{CHAPTER.name}"
    input:
        convolutional=f"results/{CHAPTER.name}/convolutional",
        perceptrons=f"results/{CHAPTER.name}/perceptrons",
        arrays=rules.fetch_mnist.output.arrays,
        origin=rules.fetch_mnist.output.origin,
    output:
        accuracies="reports/tables/mnist.csv",
        errors="reports/tables/mnist_errors.csv",
        filters="reports/tables/mnist_filters.csv",
        confusions="reports/tables/mnist_confusions.csv",
        numbers=CHAPTER.numbers,
    log:
        f"logs/{CHAPTER.name}/summarise.log",
    localrule: True
    conda:
        ENV
    params:
        **CHAPTER.params("shown_errors", "resamples"),
        code=CHAPTER.code("summarise"),
    script:
        "summarise.py"
