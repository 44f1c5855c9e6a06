"""Inventory snapshots that the warehouses drop; a later count of a day replaces the earlier one."""

from pipelines import Feed, every

feed = Feed(
    name="inventory",
    source="drop",
    match="inventory/**/*.csv",
    contract="inventory",
    write="replace_partition",
    schedule=every(minutes=15),
)
