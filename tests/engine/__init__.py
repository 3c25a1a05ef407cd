"""Where rows go: engines, transactions, the writer ticket, retrying and monitoring."""
