"""What is known of a rule at one point: its gradients, those of the oracles, and their errors."""

from typing import Any, NamedTuple

import jax
import numpy as np

from nnjax.verify.compare import difference, largest
from nnjax.verify.differences import LOST, Differences, contradicted, slopes, uncertain
from nnjax.verify.oracles import STEP, STEPS, coordinates
from nnjax.verify.programs import Programs

NOT_ANALYTIC = "contradicts the other oracles: not analytic, or step lost in complex arithmetic"

TOO_SMALL = 1e-30
"""Below it the inputs are subnormal in float32, and a function may vary on a scale that is smaller
than any step."""


SHORTER = 1e-7
"""Of a step, relative to the input, to tell a jump from a function that varies within a step."""


LARGEST_JACOBIAN = 1_000_000
"""How many slopes of single terms are examined next to kinks."""


class Point(NamedTuple):
    """Where a rule is judged: `inputs` of the problem, and the size of the error signal.

    `delicate`: a point at which an oracle, or float32 itself, may have no digits.
    """

    name: str
    inputs: Any
    scale: float = 1.0
    delicate: bool = False


class Evidence(NamedTuple):
    """The gradients by the rule, in both precisions, and by all oracles.

    `said` maps an oracle to its gradient, `uncertain` to its absolute error in each entry (NaN
    where it says nothing), `silent` maps an oracle that cannot judge to the reason. `size` is the
    sum of the absolute values of the terms of J, `eps` the unit roundoff of the forward pass. The
    methods run further programs, which are rarely needed; they return None if JAX cannot
    differentiate the forward pass.
    """

    programs: Programs
    point: Point
    rule64: Any
    rule32: Any
    size: float
    eps: float
    said: dict[str, Any]
    uncertain: dict[str, Any]
    silent: dict[str, str]
    differences: Differences | None

    def by_jax_low(self) -> Any:
        """The gradient of automatic differentiation in low precision."""
        if "jax.grad" not in self.said:
            return None
        return _times(self.programs.by_jax_low(self.point.inputs), self.point.scale)

    def unavoidable(self, eps: float) -> tuple[Any, Any] | None:
        """The gradients where every input is changed in its last place, to either side."""
        if "jax.grad" not in self.said:
            return None
        rng = np.random.default_rng(9)
        signs = jax.tree.map(lambda x: rng.choice([-1.0, 1.0], size=x.shape), self.point.inputs)
        ahead, behind = (
            jax.tree.map(lambda x, sign, part=part: x * (1 + part * sign), self.point.inputs, signs)
            for part in (eps, -eps)
        )
        by_jax = self.programs.by_jax
        return tuple(_times(by_jax(inputs), self.point.scale) for inputs in (ahead, behind))

    def nearby(self) -> tuple[Any, Any] | None:
        """The least and the largest slope in each coordinate next to the inputs."""
        if "jax.grad" not in self.said or self._too_large():
            return None
        least, most = self.programs.nearby(self.point.inputs)
        return _times(least, self.point.scale), _times(most, self.point.scale)

    def nearby_along(self, v: Any) -> tuple[float, float] | None:
        """The least and the largest slope along a direction next to the inputs."""
        if "jax.grad" not in self.said or self._too_large():
            return None
        least, most = self.programs.nearby_along(self.point.inputs, v)
        return least * self.point.scale, most * self.point.scale

    def _too_large(self) -> bool:
        """Whether there are too many slopes of single terms to look at."""
        size = sum(map(np.size, jax.tree.leaves(self.point.inputs)))
        return self.programs.terms_count * size > LARGEST_JACOBIAN

    def forward_lost(self) -> float:
        """The relative error of the forward pass in low precision."""
        low = np.asarray(self.programs.terms_low(self.point.inputs), np.float64)
        exact = self.programs.terms(self.point.inputs)
        with np.errstate(invalid="ignore"):
            error = np.abs(low - exact).sum() / max(np.abs(exact).sum(), 1e-300)
        return float(error)


def measure(programs: Programs, point: Point) -> Evidence:
    """Run the rule and the oracles at a point, and estimate the errors of the oracles."""
    silent = dict(programs.silent)
    chosen, unseen = programs.chosen, programs.nowhere
    rule64, size, said = programs.run(point.inputs, point.scale, chosen, unseen)
    if programs.some and "jax.grad" in said:
        by_jax = _times(said["jax.grad"], point.scale)
        better, unseen = _look_where_they_differ(rule64, by_jax, chosen, programs.terms_count)
        if better is not chosen:
            chosen = better
            rule64, size, said = programs.run(point.inputs, point.scale, chosen, programs.nowhere)
    size = float(size)
    silent |= {name: why for name, why in programs.silent.items() if name not in said}
    if _too_small(point.inputs) and said.pop("central differences", None):
        silent["central differences"] = "a step is far longer than these inputs are large"
    differences, left_out = None, unseen
    doubts: dict[str, Any] = {}
    if "central differences" in said:
        gaps, steps, changed = said["central differences"]
        differences = slopes(gaps, steps, changed, point.inputs, chosen, size, programs.eps)
        differences = _only_jumps(programs, point, differences)
        if "kinks" in silent:
            differences = differences._replace(kink=programs.nowhere)
        by_jax = said.get("jax.grad", differences.gradient)
        left_out = contradicted(differences, by_jax, size)
        differences = _joint_kinks(programs, point, differences, by_jax, left_out, size)
        left_out = jax.tree.map(np.logical_or, left_out, unseen)
        said["central differences"] = differences.gradient
        doubts["central differences"] = uncertain(differences, size)
    # A sum with an infinite slope says nothing of the others.
    summed = jax.tree.map(
        lambda out, slope: out | np.isinf(slope), left_out, said.get("jax.grad", left_out)
    )
    if "dot test" in said and any(leaf.any() for leaf in jax.tree.leaves(summed)):
        _, _, again = programs.run(point.inputs, point.scale, chosen, summed)
        said["dot test"] = again["dot test"]
    if "dot test" in said and not any(leaf.any() for leaf in jax.tree.leaves(said["dot test"][1])):
        del said["dot test"]
        silent["dot test"] = "no input is left along which the function has a derivative"
    doubts["jax.grad"] = jax.tree.map(lambda out: np.where(out, np.nan, 0.0), left_out)
    if "complex step" in said:
        doubts["complex step"] = _doubt_complex_step(said, doubts, programs.eps, size)
        silent |= _not_analytic(said, doubts, size)
    return Evidence(
        programs,
        point,
        rule64,
        programs.rule_low(point.inputs, point.scale),
        size=size * abs(point.scale),
        eps=max(programs.eps, programs.problem.eps),
        said={name: _scaled(name, found, point.scale) for name, found in said.items()},
        uncertain=_times(doubts, point.scale),
        silent=silent,
        differences=differences and differences.times(point.scale),
    )


def _look_where_they_differ(
    rule: Any, by_jax: Any, chosen: np.ndarray, terms: int
) -> tuple[np.ndarray, Any]:
    """The coordinates in which to take steps, and where the rule and automatic differentiation
    differ without a step: there a kink is neither found nor excluded, and the others decide."""

    def apart(a: Any, b: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return ~(np.abs(np.asarray(a, np.float64) - b) <= 1e-10 * largest(b))

    def without_a_step() -> np.ndarray:
        unseen = np.concatenate([np.ravel(leaf) for leaf in leaves])
        unseen[chosen] = False
        return unseen

    disputed = jax.tree.map(apart, rule, by_jax)
    leaves, tree = jax.tree.flatten(disputed)
    if without_a_step().any():
        chosen = coordinates(disputed, terms, disputed)
    ends = np.cumsum([np.size(leaf) for leaf in leaves])[:-1]
    parts = zip(np.split(without_a_step(), ends), leaves, strict=True)
    return chosen, tree.unflatten([part.reshape(np.shape(leaf)) for part, leaf in parts])


def _only_jumps(programs: Programs, point: Point, differences: Differences) -> Differences:
    """Keep as torn only where the function jumps over a step that is far shorter too; a function
    that varies within a step looks like one that jumps."""
    torn = jax.tree.map(np.copy, differences.torn)
    sides = zip(*map(jax.tree.leaves, (differences.left, differences.right)), strict=True)
    for i, (out, x, (left, right)) in enumerate(
        zip(jax.tree.leaves(torn), jax.tree.leaves(point.inputs), sides, strict=True)
    ):
        for index in map(tuple, np.argwhere(out)):
            v, tree = jax.tree.flatten(jax.tree.map(lambda x: np.zeros(np.shape(x)), point.inputs))
            v[i][index] = SHORTER * (abs(x[index]) or 1.0)
            gaps = programs.along(point.inputs, tree.unflatten(v))
            jump = STEP * max(abs(left[index]), abs(right[index]))
            out[index] = np.abs(gaps).max() > 0.1 * jump
    return differences._replace(torn=torn)


def _too_small(inputs: Any) -> bool:
    return any(((leaf != 0) & (np.abs(leaf) < TOO_SMALL)).any() for leaf in jax.tree.leaves(inputs))


def _joint_kinks(
    programs: Programs,
    point: Point,
    differences: Differences,
    by_jax: Any,
    left_out: Any,
    size: float,
) -> Differences:
    """Mark as kinks where autodiff contradicts differences in a function without a derivative.

    The median of equal numbers has the slope 0 in every coordinate and 1 along (1, ..., 1). If the
    slopes of the coordinates do not add up to the slope along a direction, the function is not
    differentiable, and a rule has to choose.
    """
    found = differences.kink, differences.torn
    disputed = jax.tree.map(lambda out, kink, torn: out & ~kink & ~torn, left_out, *found)
    if "kinks" in programs.silent or not any(leaf.any() for leaf in jax.tree.leaves(disputed)):
        return differences
    rng = np.random.default_rng(13)
    doubts = uncertain(differences, size)
    v = jax.tree.map(
        lambda doubt: np.where(np.isnan(doubt), 0.0, rng.normal(size=doubt.shape)), doubts
    )
    gaps = programs.along(point.inputs, v)
    one = gaps[None], STEPS[None], np.full((1, STEPS.size), size), np.zeros(1), np.arange(1)
    straight = slopes(*one, size, programs.eps)
    slope, error = float(straight.gradient[0]), float(straight.error[0])
    pairs = jax.tree.map(lambda g, d, v: (g * v, d * np.abs(v)), differences.gradient, doubts, v)
    known = [pair for pair in jax.tree.leaves(pairs) if pair.size]
    total = sum(float(np.nansum(leaf)) for leaf in known[0::2])
    doubt = sum(float(np.nansum(leaf)) for leaf in known[1::2]) + error
    biggest = sum(float(np.nansum(np.abs(leaf))) for leaf in known[0::2]) + abs(slope)
    # A function may be flat, as one that rounds: its slopes are then small beside the dispute.
    claimed = jax.tree.map(lambda slope, v: np.abs(np.where(v == 0, 0.0, slope) * v), by_jax, v)
    biggest += sum(float(np.nansum(leaf)) for leaf in jax.tree.leaves(claimed))
    smooth = error <= LOST * biggest and not straight.kink[0]
    if smooth and abs(total - slope) <= 10 * doubt + 1e-4 * biggest:
        return differences
    return differences._replace(kink=jax.tree.map(np.logical_or, differences.kink, disputed))


def _doubt_complex_step(
    said: dict[str, Any], doubts: dict[str, Any], eps: float, size: float
) -> Any:
    """The error of the complex step; NaN where it was not taken, and where it contradicts
    automatic differentiation and differences have too few digits to decide."""
    # Complex functions round relative to their value, which may be large beside the slope.
    lost = 8 * eps * size + 1e-50
    complex_step = said["complex step"]
    by_jax = said.get("jax.grad", complex_step)
    differences = doubts.get("central differences", jax.tree.map(lambda x: x * np.nan, by_jax))

    def doubt(slope: Any, other: Any, unsaid: Any, unsure: Any) -> Any:
        with np.errstate(invalid="ignore"):
            gap = np.abs(slope - other)
            apart = ~(gap <= 1e-10 * largest(other) + lost)
            undecided = ~(gap > 10 * unsure)
        out = np.isnan(slope) | np.isnan(unsaid) | (apart & undecided)
        return np.where(out, np.nan, lost)

    return jax.tree.map(doubt, complex_step, by_jax, doubts["jax.grad"], differences)


def _not_analytic(said: dict[str, Any], doubts: dict[str, Any], size: float) -> dict[str, str]:
    """Discard the complex step if another oracle contradicts it: the forward is not analytic.

    The oracles are compared with each other, not with the rule, which may be wrong.
    """
    for other in ("central differences", "jax.grad"):
        if other not in said:
            continue
        doubt = jax.tree.map(np.add, doubts[other], doubts["complex step"])
        if says_nothing(doubt):
            continue
        gap = difference(said["complex step"], said[other], size, 1e-6, doubt)
        return {"complex step": NOT_ANALYTIC} if gap.place else {}
    return {}


def says_nothing(doubts: Any) -> bool:
    """Whether an oracle has no digits in any entry."""
    leaves = [leaf for leaf in jax.tree.leaves(doubts) if np.size(leaf)]
    return bool(leaves) and all(np.isnan(leaf).all() for leaf in leaves)


def _times(tree: Any, scale: float) -> Any:
    return tree if scale == 1.0 else jax.tree.map(lambda leaf: leaf * scale, tree)


def _scaled(oracle: str, found: Any, scale: float) -> Any:
    """What an oracle says of scale J; the direction of the dot test stays."""
    if oracle == "dot test":
        derivative, v = found
        return derivative * scale, v
    return _times(found, scale)
