"""The durable shell around `decide`: transitions, effects, the sweep. The only place that imports DBOS."""
