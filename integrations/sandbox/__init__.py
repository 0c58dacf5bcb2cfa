"""A stand-in for the providers we call, run as a process of its own: no Django and no database, so that
what arrived can be read while everything else is down."""
