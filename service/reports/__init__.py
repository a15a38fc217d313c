"""Reports for leaders, pure over read models."""
