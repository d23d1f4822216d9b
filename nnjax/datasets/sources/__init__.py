"""Where each data set comes from, its stand-in, and how it is stored: one file each."""
