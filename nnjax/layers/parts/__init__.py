"""What several layers share: window geometry, the sums of a convolution, moments, recurrence."""
