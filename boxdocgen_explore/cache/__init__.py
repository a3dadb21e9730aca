"""The cache on disk: checked pages go in, the same pages come out, for their user alone."""
