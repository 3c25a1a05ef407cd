"""Who listens to a database: OpenTelemetry, and how writes are split into spans and numbers.

`usual` decides when a database is opened, `open_telemetry` is the one place that knows
OpenTelemetry, and the others put spans around what `flush` and `engine` do: only in a database
that is listened to.
"""
