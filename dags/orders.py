"""Orders that the shops drop as CSV, every five minutes."""

from pandas import DataFrame

from pipelines import Feed, every


def add_revenue(orders: DataFrame) -> DataFrame:
    """Each order line with its revenue: quantity times unit price."""
    return orders.assign(revenue=orders.quantity * orders.unit_price)


feed = Feed(
    name="orders",
    source="drop",
    match="orders/**/*.csv*",
    contract="orders",
    transform=add_revenue,
    chunked=True,
    write="merge",
    schedule=every(minutes=5),
)
