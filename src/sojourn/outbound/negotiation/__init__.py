"""What is said to a back end, and what is made of its answers: generators, of no client library."""

from sojourn.outbound.negotiation.calls import close, converse, forget, once, vacate

__all__ = ["close", "converse", "forget", "once", "vacate"]
