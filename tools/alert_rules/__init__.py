"""Alert rules that follow from a table: one for each service, some for each objective."""
