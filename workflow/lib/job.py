"""Run a script's `main` as a job; no other code refers to Snakemake."""

import errno
import inspect
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, ValidationError, validate_call

from workflow.lib import costs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake


class JobError(ValueError):
    """The input of a job cannot be used; the message is the sentence that the user reads."""


def run(main: Callable[..., None], job: "Snakemake | None") -> None:
    """Call `main` with the job's inputs, outputs, params and wildcards, each by its name.

    Values are converted to the annotated types: a path to `Path`, a mapping of settings to the
    pydantic model that describes it. What `main` does not take, such as the digest of the code, is
    left out. Messages go to the log, because the messages of parallel jobs would mix on the
    terminal.

    Args:
        main: the script's function.
        job: the object `snakemake` that Snakemake gives to a script; None where a test imports the
            script, and then nothing happens.

    Raises:
        SystemExit: if the input cannot be used (`JobError`) or the disk is full; the reason is in
            the log.
        TypeError: if the rule lacks an argument of `main`, or names one twice.
    """
    if job is None:
        return
    start = costs.age()
    costs.listen()
    log = Path(job.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr = _Log(log)
    os.environ.setdefault("TQDM_MININTERVAL", "5")  # a log keeps every state of a bar
    # A job that measures time asks for all cores, and uses as many as its parameter says.
    bind_threads(job.params.get("threads", job.threads))
    call = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(main)
    outputs: list[str] = []
    try:
        call(**arguments(main, job))
        outputs = [*map(str, job.output)]
    except JobError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    except ValidationError as error:
        if error.title != main.__name__:
            raise
        for fault in error.errors():
            place = ".".join(map(str, fault["loc"]))
            print(f"rule {job.rule}: {place}: {fault['msg']}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        # Libraries that write files raise other exceptions, which quote the system's message.
        if os.strerror(errno.ENOSPC) not in str(error):
            raise
        print("error: the disk is full; make room and give the same command again", file=sys.stderr)
        raise SystemExit(1) from None
    finally:
        costs.write(log.with_suffix(".cost.json"), start, job.rule, [*map(str, job.input)], outputs)


class _Log(io.TextIOWrapper):
    """A log that takes the place of the terminal, for bars of progress too."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("wb"), encoding="utf-8", line_buffering=True)

    def isatty(self) -> bool:
        return True


def bind_threads(threads: int) -> None:
    """Let JAX use no more than the job's threads; must be called before JAX touches a device.

    Without a bound each of several parallel jobs takes all cores, and all are slower.
    """
    os.environ["NPROC"] = str(threads)


def arguments(main: Callable[..., None], job: "Snakemake") -> dict[str, Any]:
    """The arguments of `main`, found by name among inputs, outputs, params and wildcards."""
    found: dict[str, Any] = {}
    for kind in (job.input, job.output, job.params, job.wildcards):
        for name, value in kind.items():
            if name in found:
                raise TypeError(f"rule {job.rule}: two values are called {name}; rename one")
            found[name] = list(value) if isinstance(value, tuple) else value
    parameters = inspect.signature(main).parameters
    missing = [
        name
        for name, parameter in parameters.items()
        if name not in found and parameter.default is parameter.empty
    ]
    if missing:
        raise TypeError(
            f"rule {job.rule}: main needs {', '.join(missing)}; name it among the rule's input, "
            "output or params"
        )
    return {name: found[name] for name in parameters if name in found}
