"""The chapters: found by their folders, with their settings, claims and figures, all checked."""

import importlib.util
import itertools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, model_validator

from workflow.lib.claims import Claim, mistakes, owner
from workflow.lib.digest import code_digest
from workflow.lib.runs.experiments import Experiment
from workflow.lib.settings import Name, SettingsError, Strict, checked, hint, merged, read
from workflow.lib.study import Study

FOLDER = Path(__file__).resolve().parents[1] / "chapters"
FILES = ("settings.yaml", "settings.py", "rules.smk", "page.html")
"""Every chapter has them."""
TIMES = "clocks.html"
"""A chapter that measures times has it too: its part of the page of times."""
FORMS = ("svg", "png")
"""Each figure is drawn in both."""


class Figure(Strict):
    """A figure of a chapter; in the settings, the text alone is enough."""

    alt: Name = Field(description="what a reader who cannot see the figure is told")
    script: str = Field(default="", description="draws it; without a name, plot_FIGURE")
    table: bool = Field(default=True, description="false: the script draws without a table")
    drawing: dict[str, Any] = Field(default={}, description="arguments of the script, by name")

    @model_validator(mode="before")
    @classmethod
    def text_alone(cls, value: Any) -> Any:
        """A text is the alternative text of a figure without settings."""
        return {"alt": value} if isinstance(value, str) else value


class Page(Strict):
    """What a page shows of a chapter before any result."""

    title: Name
    question: Name = Field(description="one line for tables of chapters")
    source: Name
    result: str = Field(
        default="", description="one sentence; numbers by their keys in braces: {k3.test_accuracy}"
    )
    figures: dict[str, Figure]
    order: int = Field(default=100, description="chapters come in this order, then by name")
    front: list[Name] = Field(default=[], description="figures that the front page shows small")
    tables: list[Name] = Field(default=[], description="tables that are shown without a figure")
    clocks: list[Name] = Field(
        default=[], description="figures and tables of times, shown on the page of times instead"
    )

    @model_validator(mode="after")
    def known_names(self) -> "Page":
        """The front page shows figures of the chapter, and none of times."""
        for name in self.front:
            if name not in self.figures:
                raise ValueError(f"front: no figure {name}; {hint(name, self.figures)}")
        for name in self.clocks:
            if name not in (known := [*self.figures, *self.tables]):
                raise ValueError(f"clocks: no figure or table {name}; {hint(name, known)}")
        if timed := [name for name in self.front if name in self.clocks]:
            raise ValueError(f"front: {timed[0]} shows times, which only the page of times does")
        return self

    def link(self, figure: str, page: str, clocks: str) -> str:
        """Where a figure is shown, given the addresses of the page and of the page of times."""
        return f"{clocks if figure in self.clocks else page}#{figure}"

    def shown_figures(self, clocks: bool = False) -> list[str]:
        """The figures on the chapter's page, or on the page of times."""
        return [name for name in self.figures if (name in self.clocks) == clocks]

    def shown_tables(self, clocks: bool = False) -> list[str]:
        """The tables that the chapter's page, or the page of times, or their figures show."""
        drawn = [name for name, figure in self.figures.items() if figure.table]
        return [name for name in [*drawn, *self.tables] if (name in self.clocks) == clocks]


@dataclass(frozen=True)
class Chapter:
    """A folder below workflow/chapters: a question, its training, figures, page and claims."""

    name: str
    folder: Path
    page: Page
    settings: BaseModel
    claims: dict[str, Claim]

    def code(self, script: str) -> str:
        """The digest of one of the chapter's scripts, so that a rule reruns when it changes."""
        return code_digest(self.folder / f"{script}.py")

    def params(self, *names: str) -> dict[str, Any]:
        """Settings that a job depends on: those named, or all; plain values for Snakemake."""
        return self.settings.model_dump(include=set(names) or None)

    @property
    def numbers(self) -> str:
        """The table with the chapter's numbers, clocks aside."""
        return f"reports/tables/numbers_{self.name}.csv"

    @property
    def clocks(self) -> str:
        """The table with the chapter's clocks: its times and ratios of times."""
        return f"reports/tables/clocks_{self.name}.csv"

    @property
    def has_clocks(self) -> bool:
        """Whether it measures times: it then has a part of the page of times."""
        return (self.folder / TIMES).exists()

    def all_numbers(self) -> list[str]:
        """The tables with its numbers and its clocks."""
        return [self.numbers, *([self.clocks] if self.has_clocks else [])]

    def clock_files(self) -> list[str]:
        """The reports of the chapter that differ in every run."""
        tables, figures = self.page.shown_tables(clocks=True), self.page.shown_figures(clocks=True)
        return [
            *([self.clocks] if self.has_clocks else []),
            *(f"reports/tables/{name}.csv" for name in tables),
            *(f"reports/figures/{name}.{form}" for name in figures for form in FORMS),
        ]

    def measured(self) -> list[str]:
        """The tables with the numbers that claims declare, one for each such claim."""
        return list(self.number_files().values())[1:]

    def number_files(self) -> dict[str, str]:
        """The tables that its numbers come from: by claim, and by "" that of all the others."""
        measured = {name: self._table(name) for name, claim in self.claims.items() if claim.numbers}
        return {"": self.numbers, **measured}

    def numbers_of(self, claim: str) -> list[str]:
        """The tables with the numbers that the checks of a claim name."""
        owners = [owner(self.claims, key) for key in self.claims[claim].named()]
        tables = [[self._table(each)] if each else self.all_numbers() for each in owners]
        return list(dict.fromkeys(table for some in tables for table in some))

    def sources(self, claim: str, shared: Collection[str]) -> dict[str, dict[str, list[str]]]:
        """What the numbers of a claim are estimated from.

        Args:
            claim: its id.
            shared: names of the experiments of the whole study.

        Returns:
            By protocol and experiment: the folder of the runs and, in the clean protocol, the table
            of choices.
        """
        found: dict[str, dict[str, list[str]]] = {"published": {}, "clean": {}}
        results = f"results/{self.name}"
        for cell in self.claims[claim].cells():
            if cell.clean:
                choices = f"{results}/tuning/{cell.clean}/choices.parquet"
                found["clean"][cell.clean] = [f"{results}/clean/{cell.clean}", choices]
            else:
                folder = "results" if cell.name in shared else f"{results}/runs"
                found["published"][cell.name] = [f"{folder}/{cell.name}"]
        return found

    def mistakes(self, shared: dict[str, Experiment]) -> list[str]:
        """What is wrong with the numbers that claims declare, one line each.

        Args:
            shared: the experiments of the whole study.
        """
        clean = getattr(self.settings, "clean", None)
        experiments = {
            "published": {**getattr(self.settings, "experiments", {}), **shared},
            "clean": clean.experiments if clean else {},
        }
        return [f"  {self.name}.claims.{line}" for line in mistakes(self.claims, experiments)]

    def _table(self, claim: str) -> str:
        return f"results/{self.name}/numbers/{claim}.csv"

    def unique(self) -> dict[str, list[str]]:
        """The names that no other chapter may use, by what they name."""
        numbers = [key for claim in self.claims.values() for key in claim.named()]
        return {
            "claims": list(self.claims),
            "numbers": list(dict.fromkeys(numbers)),
            "figures and tables": [*self.page.figures, *self.page.tables],
        }

    def reports(self) -> list[str]:
        """The page and the figures."""
        return [
            f"reports/chapters/{self.name}.html",
            *(f"reports/figures/{f}.{form}" for f in self.page.figures for form in FORMS),
        ]


def found(config: dict[str, Any], study: Study, folder: Path = FOLDER) -> dict[str, Chapter]:
    """All chapters by name.

    Args:
        config: what Snakemake read: `study`, and overrides in a section named like the chapter.
        study: the sections that belong to no chapter.
        folder: holds one folder for each chapter.

    Raises:
        SettingsError: one line for each mistake, in all chapters; for two chapters with the same
            claims, numbers, figures or tables; for a section of the configuration that is no
            chapter.
    """
    shared = set(Study.model_fields)
    names = sorted(path.parent.name for path in folder.glob("*/settings.yaml"))
    lines = [
        f"  {section}: unknown section; {hint(str(section), {*shared, *names})}"
        for section in config
        if section not in shared and section not in names
    ]
    chapters = []
    for name in names:
        try:
            chapters.append(chapter(folder / name, config))
            lines += chapters[-1].mistakes(study.experiments)
        except SettingsError as error:
            lines += error.lines
    for one, other in itertools.combinations(chapters, 2):
        for what, taken in one.unique().items():
            if both := [key for key in other.unique()[what] if key in taken]:
                lines.append(
                    f"  {one.name}, {other.name}: both have the {what} {', '.join(both)}; "
                    "rename them in one of the two"
                )
    if lines:
        raise SettingsError(*lines)
    chapters.sort(key=lambda each: (each.page.order, each.name))
    return {each.name: each for each in chapters}


def seeds(settings: dict[str, BaseModel]) -> dict[str, int]:
    """How many seeds each section asks for, by its place: {"isolet.experiments.fig5": 10}."""
    found: dict[str, int] = {}

    def search(place: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                # The members of an ensemble are its seeds.
                if isinstance(inner, int) and (key == "members" or key.endswith("seeds")):
                    found[place if key == "seeds" else f"{place}.{key}"] = inner
                search(f"{place}.{key}", inner)

    for name, section in settings.items():
        search(name, section.model_dump())
    return found


def chapter(folder: Path, config: dict[str, Any]) -> Chapter:
    """One chapter, its settings those of the study (full or quick) with the overrides over them."""
    name = folder.name
    if absent := [file for file in FILES if not (folder / file).exists()]:
        raise SettingsError(f"  {name}: the folder has no {', '.join(absent)}")
    values = read(folder / "settings.yaml")
    if config["study"] == "quick":
        values = merged(values, _optional(folder / "quick.yaml"))
    overrides = config.get(name, {})
    if not isinstance(overrides, dict):
        raise SettingsError(f"  {name}: expected keys with values, found {overrides!r}")
    values = merged(values, overrides)
    page = checked(Page, values.pop("page", {}), f"{name}.page")
    settings = checked(_model(folder), values, name)
    claims = {
        claim: checked(Claim, content, f"{name}.claims.{claim}")
        for claim, content in _optional(folder / "claims.yaml").items()
    }
    unknown = [
        f"  {name}.claims.{key}: no figure {figure}; {hint(figure, page.figures)}"
        for key, figure in ((key, claim.figure) for key, claim in claims.items())
        if figure not in page.figures
    ]
    scripts = {figure: each.script or f"plot_{figure}" for figure, each in page.figures.items()}
    unknown += [
        f"  {name}.page.figures.{figure}: the folder has no {script}.py, which draws it"
        for figure, script in scripts.items()
        if not (folder / f"{script}.py").exists()
    ]
    if page.clocks and not (folder / TIMES).exists():
        unknown.append(f"  {name}.page.clocks: the folder has no {TIMES}, which shows them")
    if unknown:
        raise SettingsError(*unknown)
    return Chapter(name, folder, page, settings, claims)


def _optional(path: Path) -> dict[str, Any]:
    return read(path) if path.exists() else {}


def _model(folder: Path) -> type[BaseModel]:
    """The class `Settings` of a chapter's settings.py."""
    name = f"workflow.chapters.{folder.name}.settings"
    spec = importlib.util.spec_from_file_location(name, folder / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Settings
