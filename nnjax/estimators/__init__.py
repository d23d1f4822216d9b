"""scikit-learn estimators around a network; imported on first use, since scikit-learn is large."""
