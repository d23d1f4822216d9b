"""What was found wrong in the field's functions, each checked by hand."""

FINDINGS = []
