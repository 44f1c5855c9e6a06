"""Payout reports that partners mail, looked for every two minutes."""

from pipelines import Feed, every

feed = Feed(
    name="payouts",
    source="partners",
    match="payouts*.csv",
    contract="payouts",
    write="merge",
    schedule=every(minutes=2),
)
