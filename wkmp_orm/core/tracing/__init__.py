"""Traces a database: splits writes into spans and metrics, and reports them to OpenTelemetry.

`usual` decides when a database is opened whether it is traced. `open_telemetry` is the only module
that uses OpenTelemetry. The others add spans to what `flush` and `engine` do, and are used only in
a traced database.
"""
