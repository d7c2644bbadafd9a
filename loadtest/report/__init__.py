"""What remains of a load run: text, figures, tables and a plot."""
