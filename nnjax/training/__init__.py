"""Code that `fit` and `sweep` share: checks, the loop over epochs, optimizers, and arms."""
