"""The benchmark: the same files through Waybill and through what people run instead."""
