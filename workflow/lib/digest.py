"""A fingerprint of the code that a script runs, so that results are made again when it changes.

Snakemake watches a rule's script, not what the script imports. Rules therefore carry a digest as a
parameter: of the script, and of all definitions of the project that it reaches by their names. A
new layer, or a change in a function that the script never reaches, reruns nothing. Comments,
docstrings and layout do not count: only what the interpreter would see differently.

A module that is used as a value (`getattr(module, name)`) may lend any of its names, so all of them
count. What a module does when it is imported counts for everyone who imports it.
"""

import ast
import functools
import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("nnjax", "workflow")
"""Where the project's code is."""

Chain = tuple[str, ...]
"""A name and its attributes: nn.datasets.isolet is ("nn", "datasets", "isolet")."""
Node = tuple[Path | None, str]
"""A definition: file and name, "" for what the file does when it is imported. Without a file: a
name from outside of the project."""


def code_digest(*scripts: str | Path) -> str:
    """Digest of the scripts and of what they reach.

    A process reads the project once.

    Args:
        scripts: Python files, relative to the project's root or absolute.

    Returns:
        Sixteen hexadecimal digits.
    """
    code = project(ROOT)
    reached = code.reached([ROOT / script for script in scripts])
    digest = hashlib.sha256()
    for text in sorted(code.text(node) for node in reached):
        digest.update(text.encode())
    return digest.hexdigest()[:16]


def file_digest(path: str | Path) -> str:
    """Digest of a file's bytes, where its time of change does not tell that it is another.

    Args:
        path: the file.

    Returns:
        Sixteen hexadecimal digits.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def texts_digest(folder: str) -> str:
    """Digest of a folder's Python files, texts and comments included.

    Args:
        folder: relative to the project's root or absolute.

    Returns:
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in sorted((ROOT / folder).rglob("*.py")):
        digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


@dataclass
class Module:
    """A file, taken apart."""

    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)
    """The statements that bind a name."""
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    """A name to the module that it comes from, and its name there ("" if it is the module)."""
    effects: list[ast.stmt] = field(default_factory=list)
    """Statements that bind no name: what the module does when it is imported."""


class Code:
    """The definitions of a project, and which of them reach which others."""

    def __init__(self, root: Path) -> None:
        """Read files as they are reached.

        Args:
            root: of the project.
        """
        self.root = root
        self._modules: dict[Path, Module] = {}
        self._reach: dict[Node, set[Node]] = {}
        self._texts: dict[Node, str] = {}
        self._files: dict[tuple[Path, str], Path | None] = {}

    def reached(self, scripts: list[Path]) -> set[Node]:
        """The scripts' own definitions and all that they reach."""
        pending = [node for script in scripts for node in self._own(script)]
        found = set[Node]()
        while pending:
            node = pending.pop()
            if node not in found:
                found.add(node)
                pending += self._reached_from(node)
        return found

    def text(self, node: Node) -> str:
        """The code of a definition, without words; "" for an import that does nothing else."""
        file, name = node
        if node not in self._texts:
            lines = [ast.unparse(statement) for statement in self._statements(node)]
            place = file.relative_to(self.root) if file else "outside"
            text = "\n".join([f"{place} {name}", *lines, ""])
            self._texts[node] = text if lines or not file else ""
        return self._texts[node]

    def _statements(self, node: Node) -> list[ast.stmt]:
        file, name = node
        if file is None:
            return []
        module = self._module(file)
        return module.bound[name] if name else module.effects

    def _reached_from(self, node: Node) -> set[Node]:
        file, name = node
        if node not in self._reach:
            found = set[Node]()
            if file is not None:
                # To import a file is to import what it imports.
                sources = () if name else self._module(file).imports.values()
                files = (self._file(file, ".".join(filter(None, source))) for source in sources)
                found |= {(file, ""), *((imported, "") for imported in files if imported)}
                for statement in self._statements(node):
                    for chain in _chains(statement):
                        found |= self._resolved(file, chain)
            self._reach[node] = found
        return self._reach[node]

    def _resolved(self, file: Path, chain: Chain) -> set[Node]:
        """What a name means in a file, its attributes followed as far as they are modules."""
        module, (first, *rest) = self._module(file), chain
        if first in module.bound:
            return {(file, first)}
        if first not in module.imports:
            return set()  # a builtin, or a name within the function
        source, name = module.imports[first]
        return self._imported(file, source, (name, *rest) if name else tuple(rest))

    def _imported(self, importer: Path, source: str, chain: Chain) -> set[Node]:
        """What attributes of a module mean.

        Args:
            importer: the file that imports the module, whose siblings it may mean.
            source: the module's dotted name.
            chain: attribute after attribute; none if the module itself is used as a value.
        """
        file = self._file(importer, source)
        if file is None:
            return {(None, ".".join((source, *chain)))}
        reached: set[Node] = {(file, "")}
        if not chain:
            return reached | self._whole(file)
        name, *rest = chain
        module = self._module(file)
        if name in module.bound:
            return reached | {(file, name)}
        inner = self._file(importer, f"{source}.{name}")
        if name in module.imports and module.imports[name] != (source, name):
            return reached | self._resolved(file, chain)
        if inner is not None:
            return reached | self._imported(importer, f"{source}.{name}", tuple(rest))
        return reached | self._whole(file)

    def _own(self, file: Path) -> set[Node]:
        """All that a file binds and does."""
        return {(file, ""), *((file, name) for name in self._module(file).bound)}

    def _whole(self, file: Path) -> set[Node]:
        """All names of a file, those that it imports included."""
        imports = self._module(file).imports
        return self._own(file).union(*(self._resolved(file, (name,)) for name in imports))

    def _file(self, importer: Path, source: str) -> Path | None:
        """The file of a module of the project: packages from the root, siblings by name."""
        sought = importer.parent, source
        if sought not in self._files:
            self._files[sought] = next(filter(Path.is_file, self._candidates(*sought)), None)
        return self._files[sought]

    def _candidates(self, folder: Path, source: str) -> Iterator[Path]:
        for base in (self.root, folder):
            place = base / source.replace(".", "/")
            yield place.with_suffix(".py")
            yield place / "__init__.py"

    def _module(self, file: Path) -> Module:
        if file not in self._modules:
            self._modules[file] = _taken_apart(file.read_text(encoding="utf-8"))
        return self._modules[file]


@functools.cache
def project(root: Path) -> Code:
    """The code of a project, read once.

    Args:
        root: of the project.
    """
    return Code(root)


def _taken_apart(text: str) -> Module:
    tree = ast.parse(text)
    module = Module()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds a; `import a.b as c` binds the module a.b.
                name = alias.name if alias.asname else alias.name.split(".")[0]
                module.imports[alias.asname or name] = (name, "")
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module.imports[alias.asname or alias.name] = (node.module, alias.name)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A bare string has no effect, wherever it is.
            node.body = [s for s in body if not _is_text(s)] or [ast.Pass()]  # type: ignore[attr-defined]
    for statement in tree.body:
        names = _binds(statement)
        for name in names:
            module.bound.setdefault(name, []).append(statement)
        if not names and not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
            module.effects.append(statement)
    return module


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The module and all that holds statements or is one, parents before what they hold."""
    pending: deque[ast.AST] = deque([tree])
    while pending:
        node = pending.popleft()
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            held = getattr(node, part, None)
            if isinstance(held, list):
                pending.extend(held)


def _binds(statement: ast.stmt) -> list[str]:
    """The names that a statement does nothing but bind."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            pass
        case ast.AnnAssign(target=target):
            targets = [target]
        case _:
            return []
    places = [node for target in targets for node in ast.walk(target)]
    if any(isinstance(place, ast.Attribute | ast.Subscript) for place in places):
        return []  # it changes an object that others may reach by another name
    return [place.id for place in places if isinstance(place, ast.Name)]


def _chains(statement: ast.stmt) -> set[Chain]:
    """The names in a statement, each with the attributes that follow it."""
    found = set[Chain]()
    pending: list[ast.AST] = [statement]
    while pending:
        node, attributes = pending.pop(), list[str]()
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            found.add((node.id, *reversed(attributes)))
        else:
            pending.extend(ast.iter_child_nodes(node))
    return found


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
