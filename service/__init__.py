"""What runs, waits or is asked over HTTP: the store, the executor, the API and the pages."""
