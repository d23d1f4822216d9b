"""Networks that see one sample at a time: the target zero and the quadrants, all seeds at once."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
from checks import gradient_errors, refusals
from settings import Descent, GradientCheck, Quadrants, ZeroTarget

import nnjax as nn
from workflow.lib import job
from workflow.lib.tables import write_parquet

Draw = Callable[[jax.Array, int], tuple[jax.Array, jax.Array]]
"""`(key, n)` to inputs and targets of n samples."""


def article_init(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The article's initial weights and biases: normal, the deviation 1 over their number."""
    return jax.random.normal(key, shape) / math.prod(shape)


def network(widths: list[int], slope: float) -> nn.Layer:
    """Dense layers, each followed by LeakyReLU, the last one too."""
    return nn.serial(
        *(
            layer
            for outs in widths[1:]
            for layer in (nn.dense(outs, article_init, article_init), nn.leaky_relu(slope))
        )
    )


def zero_targets(outputs: int) -> Draw:
    """Draws normal samples whose targets are zeros."""
    return lambda key, n: (jax.random.normal(key, (n, 2)), jnp.zeros((n, outputs)))


def quadrants(half_side: float) -> Draw:
    """Draws uniform points of a square; targets: (1, 0) if the signs agree, else (0, 1)."""

    def draw(key: jax.Array, n: int) -> tuple[jax.Array, jax.Array]:
        x = jax.random.uniform(key, (n, 2), minval=-half_side, maxval=half_side)
        same = (x[:, 0] * x[:, 1] > 0).astype(x.dtype)
        return x, jnp.stack([same, 1 - same], axis=1)

    return draw


def trained(
    net: nn.Layer,
    draw: Draw,
    descent: Descent,
    seeds: int,
    look: Callable[[Any, jax.Array, int], None],
) -> Any:
    """Train every seed on its own samples, each seen once; batch 1, plain gradient descent.

    Args:
        net: the network.
        draw: draws the samples.
        descent: learning rate, steps, and steps between two calls of `look`.
        seeds: how many.
        look: called with the parameters (seeds first), one key per seed for what is measured, and
            the steps made: before the first step, then after every `descent.every` steps.

    Returns:
        The trained parameters, seeds first.
    """
    optimizer = optax.sgd(descent.learning_rate)

    @jax.jit
    @jax.vmap
    def some_steps(params: Any, key: jax.Array) -> Any:
        settings: dict[str, Any] = {"epochs": 1, "batch_size": 1, "metric": None, "progress": False}
        return nn.fit(
            net, nn.mean_squared_error, optimizer, params, draw(key, descent.every), **settings
        )[0]

    split = jax.jit(jax.vmap(lambda seed: jax.random.split(jax.random.key(seed), 3)))
    at = jax.jit(jax.vmap(jax.random.fold_in, in_axes=(0, None)))
    keys = split(np.arange(seeds))
    # One seed after the other: random numbers of many shapes take long to compile side by side.
    start = jax.jit(lambda keys: jax.lax.map(lambda key: net.init(key, (2,))[0], keys))
    params = start(keys[:, 0])
    look(params, at(keys[:, 2], 0), 0)
    for block in range(descent.steps // descent.every):
        params = some_steps(params, at(keys[:, 1], block))
        look(params, at(keys[:, 2], block + 1), descent.every * (block + 1))
    return params


def train_zero_target(settings: ZeroTarget, slope: float, seeds: int) -> pl.DataFrame:
    """The first program: the summed loss of fresh samples by steps made.

    Args:
        settings: the chapter's `zero_target` section.
        slope: of LeakyReLU.
        seeds: how many.

    Returns:
        seed, step, loss, `negative` (the share of the outputs that are below 0) and `lowered` (the
        share of the summed samples whose own loss one step on that sample alone lowers; null but
        before the first step and after the last).
    """
    net, draw = network(settings.widths, slope), zero_targets(settings.widths[-1])
    loss, rows = nn.mean_squared_error, list[pl.DataFrame]()

    @jax.jit
    @jax.vmap
    def summed(params: Any, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, targets = draw(key, settings.summed)
        outputs = net.forward(params, x)[0]
        return len(x) * loss.forward(outputs, targets)[0], jnp.mean(outputs < 0)

    @jax.jit
    @jax.vmap
    def lowered(params: Any, key: jax.Array) -> jax.Array:
        def by_its_own_step(x: jax.Array, targets: jax.Array) -> jax.Array:
            J, grads = nn.value_and_grad(net, loss)(params, x[None], targets[None])
            moved = optax.apply_updates(
                params, jax.tree.map(lambda g: -settings.learning_rate * g, grads)
            )
            return loss.forward(net.forward(moved, x[None])[0], targets[None])[0] < J

        return jnp.mean(jax.vmap(by_its_own_step)(*draw(key, settings.summed)))

    def look(params: Any, key: jax.Array, step: int) -> None:
        total, negative = jax.device_get(summed(params, key))
        columns = {"seed": np.arange(seeds), "loss": total, "negative": negative}
        ends = step in (0, settings.steps)
        share = np.asarray(lowered(params, key)) if ends else [None] * seeds
        table = pl.DataFrame(columns | {"lowered": share}, schema_overrides={"lowered": pl.Float64})
        rows.append(table.with_columns(step=pl.lit(step)))

    trained(net, draw, settings, seeds, look)
    return pl.concat(rows)


def train_quadrants(
    settings: Quadrants, slope: float, seeds: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The second program: which of the tested points are right, by steps made.

    Args:
        settings: the chapter's `quadrants` section.
        slope: of LeakyReLU.
        seeds: how many.

    Returns:
        The curve: seed, step, right (of the tested points) and one_answer (all of them got one).
        The pictures: seed, part ("before", "after": the tested points; "region": a grid, after
        training), index, x, y, lead (score of "one sign" minus the other; NaN if diverged).
    """
    net, draw = network(settings.widths, slope), quadrants(settings.half_side)
    of_seed = jax.vmap(lambda s: draw(jax.random.fold_in(jax.random.key(s), 3), settings.tested))
    x, targets = jax.jit(of_seed)(np.arange(seeds))
    leads = jax.jit(jax.vmap(lambda p, x: -jnp.diff(nn.predict(net, p, x))[:, 0]))
    first = np.asarray(targets[..., 0] > 0.5)
    curve, pictures = list[pl.DataFrame](), list[pl.DataFrame]()

    def picture(part: str, x: np.ndarray, lead: np.ndarray) -> None:
        seed, index = (i.reshape(-1) for i in np.indices(lead.shape))
        flat = x.reshape(-1, 2)
        columns = {"seed": seed, "index": index, "x": flat[:, 0], "y": flat[:, 1]}
        table = pl.DataFrame({**columns, "lead": lead.reshape(-1)})
        pictures.append(table.with_columns(part=pl.lit(part)))

    def look(params: Any, key: jax.Array, step: int) -> None:
        lead = np.asarray(leads(params, x))
        # The article takes the first of equal scores; a diverged network is right nowhere.
        guess = lead >= 0
        right = ((guess == first) & np.isfinite(lead)).sum(axis=1)
        same = (guess == guess[:, :1]).all(axis=1)
        table = pl.DataFrame({"seed": np.arange(seeds), "right": right, "one_answer": same})
        curve.append(table.with_columns(step=pl.lit(step)))
        if step in (0, settings.steps):
            picture("after" if step else "before", np.asarray(x), lead)

    params = trained(net, draw, settings, seeds, look)
    side = np.linspace(-settings.half_side, settings.half_side, settings.grid)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).astype(np.float32)
    tiled = np.broadcast_to(grid, (seeds, *grid.shape))
    picture("region", tiled, np.asarray(leads(params, jnp.asarray(tiled))))
    return pl.concat(curve), pl.concat(pictures)


def best_straight_line(points: int = 200, angles: int = 90) -> float:
    """The accuracy of the best of all straight lines on a fine grid of the square.

    By symmetry, directions of the first quadrant suffice. Geometry gives 2/3.
    """
    side = (np.arange(points) + 0.5) / points * 2 - 1
    x, y = (a.reshape(-1) for a in np.meshgrid(side, side))
    same = x * y > 0
    best = 0.0
    for angle in np.linspace(0, np.pi / 2, angles + 1):
        hits = same[np.argsort(np.cos(angle) * x + np.sin(angle) * y)]
        # The first k points are said to differ, the others to be the same.
        right = np.cumsum(~hits) + hits.sum() - np.cumsum(hits)
        best = max(best, right.max() / len(hits), 1 - right.min() / len(hits))
    return float(best)


def main(
    seeds: int,
    slope: float,
    zero_target: ZeroTarget,
    quadrants: Quadrants,
    gradient_check: GradientCheck,
    runs: Path,
) -> None:
    """Train both programs, check the article's formulas, and write what happened.

    Args:
        seeds: of both programs.
        slope: of LeakyReLU.
        zero_target: settings of the first program.
        quadrants: settings of the second program.
        gradient_check: settings of the checks.
        runs: folder to write: `zero_target` (see `train_zero_target`), `curve` and `pictures` (see
            `train_quadrants`), `errors` and `refused` (see `checks`), `line` (`accuracy` of the
            best straight line).
    """
    curve, pictures = train_quadrants(quadrants, slope, seeds)
    made = {
        "zero_target": train_zero_target(zero_target, slope, seeds),
        "curve": curve,
        "pictures": pictures,
        "errors": pl.DataFrame(gradient_errors(gradient_check, slope)),
        "refused": pl.DataFrame(refusals(gradient_check, slope)),
        "line": pl.DataFrame({"accuracy": [best_straight_line()]}),
    }
    for name, table in made.items():
        write_parquet(table, runs / f"{name}.parquet")


job.run(main, globals().get("snakemake"))
