"""Where each data set comes from, what stands in for it, and how it is kept: one file each."""
