"""The embedded default subject: its recipe, training and tests. The weights lie in `models/weights/organism`."""
