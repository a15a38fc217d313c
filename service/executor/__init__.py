"""The durable shell around ``decide``; the only place that imports DBOS."""
