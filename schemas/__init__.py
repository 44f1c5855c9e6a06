"""What tables are: data contracts, and the records that flow between the stages."""
