"""Plot the curves of training."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from nnjax.epoch import History


def plot_history(history: History) -> Figure:
    """Draw the losses and metrics of each epoch.

    Args:
        history: the history that `fit` returns, or an estimator's `history_`; after a `sweep`, that
            of one replica: `jax.tree.map(lambda column: column[arm, seed], history)`.

    Returns:
        A figure with a panel for the losses and one for each metric; save it with
        `figure.savefig("history.png")`. Curves that were not measured are left out; a NaN leaves a
        gap.

    Raises:
        ValueError: if it is not a history, has further axes than the epochs, or no finite value.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> loss, nothing = jnp.array([2.0, 1.0]), jnp.full(2, jnp.nan)
        >>> figure = nn.plot_history(nn.History(loss, nothing, jnp.array([0.5, 0.75]), nothing))
        >>> [panel.get_ylabel() for panel in figure.axes]
        ['loss', 'accuracy']
    """
    if not isinstance(history, History):
        raise ValueError(
            "plot_history: expected the history that fit returns beside the parameters, or an "
            f"estimator's history_, got {type(history).__name__}"
        )
    losses = {"training": history.train_loss, "validation": history.validation_loss}
    panels: dict[str, dict[str, Any]] = {"loss": losses, "accuracy": {}}
    measured = {
        "training": history.train_metrics,
        "validation": {"accuracy": history.validation_accuracy, **history.validation_metrics},
    }
    for data, metrics in measured.items():
        for name, values in metrics.items():
            panels.setdefault(name, {})[data] = values
    for curves in panels.values():
        for values in curves.values():
            if np.ndim(values) != 1:
                raise ValueError(
                    "plot_history: expected a number for each epoch, got arrays of shape "
                    f"{np.shape(values)}; choose one replica or one number, for instance "
                    "jax.tree.map(lambda column: column[0, 0], history)"
                )
    shown = {
        name: {data: v for data, v in curves.items() if np.isfinite(v).any()}
        for name, curves in panels.items()
    }
    shown = {name: curves for name, curves in shown.items() if curves}
    if not shown:
        raise ValueError("plot_history: no value is finite: training diverged, or had no epoch")
    figure, axes = plt.subplots(
        1, len(shown), figsize=(4.5 * len(shown), 3.2), squeeze=False, layout="constrained"
    )
    for panel, (name, curves) in zip(axes[0], shown.items(), strict=True):
        for data, values in curves.items():
            style = {"color": "#555555" if data == "training" else "#0072b2", "label": data}
            style["marker"] = "o" if len(values) == 1 else ""  # a line needs two points
            panel.plot(np.arange(1, len(values) + 1), values, **style)
        panel.set(xlabel="epoch", ylabel=name)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False)
    plt.close(figure)
    return figure
