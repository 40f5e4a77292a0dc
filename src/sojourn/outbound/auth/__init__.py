"""Who a back end is to see."""
