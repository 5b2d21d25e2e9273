"""Tables and files of rows, of any layout, to samples: every row becomes samples or is named."""
