"""Why jobs run, in a few words.

Snakemake names every file, lists all reasons of a job, and takes the reports that git has put into
the folder for results of changed code. Its log is an ordinary logger of Python, so a filter can
shorten it. Messages that the filter does not know stay as they are.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence

ELSEWHERE = "its report was not made by a run in this folder"
CODE = "its code has changed"
MISSING = "Missing output files"
PARAMS = "Params have changed since last execution"
WORDS = {
    "Forced execution": "forced on the command line",
    "Incomplete output files": "a run was stopped while making it",
    MISSING: "not made yet",
    PARAMS: "its settings, packages or variables have changed",
    "Code has changed since last execution": CODE,
    "Set of input files has changed since last execution": "its list of inputs has changed",
    "Updated input files": "an input is newer",
    "Input files updated by another job": "an input will be made again",
}
"""The beginning of Snakemake's reason, and ours. Of several reasons, the first here is shown."""
DIGEST = r"'[0-9a-f]{16}',?|<nothing exclusive>"
"""Values of parameters that mean nothing to a reader: digests of code."""
SHOWN = 3
"""Files shown of a longer list."""


class Plain(logging.Filter):
    """Changes what Snakemake's log says about reasons.

    Args:
        elsewhere: the reports that no run in this folder has made.
    """

    def __init__(self, elsewhere: Iterable[str]) -> None:
        super().__init__()
        self.elsewhere = frozenset(elsewhere)
        self.counts = Counter[str]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record; false for one that is left out."""
        if reason := getattr(record, "reason", None):
            output, read = getattr(record, "output", ()), getattr(record, "input", ())
            kind, details = (ELSEWHERE, "") if self.elsewhere & {*output} else plain(reason)
            self.counts[kind] += 1
            record.reason = kind + details
            record.input = shortened(read)
        elif isinstance(record.msg, str):
            if record.msg.startswith("Reasons:"):
                lines = [f"{count:5}: {kind}" for kind, count in self.counts.most_common()]
                record.msg = "\n".join([f"{self.counts.total()} jobs would run:", *lines])
            return not re.match("Some jobs were triggered by prov|Rules with prov", record.msg)
        return True


def plain(reason: str) -> tuple[str, str]:
    """A reason of Snakemake's in our words, and its details.

    Example:
        >>> plain("Updated input files: a, b, c, d, e; Code has changed since last execution")
        ('its code has changed', '')
        >>> plain("Updated input files: a, b, c, d, e")
        ('an input is newer', ': a, b, c and 2 more')
    """
    parts = [clause.partition(": ") for clause in reason.split("; ")]
    clauses = {beginning: details for beginning, _, details in parts}
    for beginning, words in WORDS.items():
        if beginning not in clauses:
            continue
        details = clauses[beginning]
        if beginning == PARAMS:
            details = re.sub(DIGEST, "", details[max(details.find("before:"), 0) :]).strip()
            if not re.sub("before:|now:| ", "", details):
                return CODE, ""
        elif beginning == MISSING:
            details = ""  # they are the job's outputs
        else:
            details = ", ".join(shortened(details.split(", ")))
        return words, f": {details}" if details else ""
    return reason, ""


def shortened(files: Sequence[str]) -> list[str]:
    """The first files of a long list, and how many more there are.

    Example:
        >>> shortened(["a", "b", "c", "d"])
        ['a', 'b', 'c and 1 more']
    """
    more = len(files) - SHOWN
    return [*files[: SHOWN - 1], f"{files[SHOWN - 1]} and {more} more"] if more > 0 else [*files]
